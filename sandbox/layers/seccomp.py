"""A seccomp filter: the system calls that no judged program needs fail with EPERM.

A denylist, not an allowlist: an allowlist breaks with every new libc. What it leaves open is bounded by Landlock, the
rlimits and the lack of privileges. io_uring and clone3 answer ENOSYS: programs then fall back to what is allowed.
A foreign architecture or x32 call kills the process: its numbers mean other calls than the filter thinks.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import Final

from sandbox.layers.kernel import syscall

_SET_MODE_FILTER: Final = 1
_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_KILL_PROCESS: Final = 0x80000000
_NAMESPACE_FLAGS: Final = 0x7E020000  # CLONE_NEW* as clone(2) takes them
_X32_BIT: Final = 0x40000000

_LOAD: Final = 0x20
_JUMP_EQUAL: Final = 0x15
_JUMP_AT_LEAST: Final = 0x35
_JUMP_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06
_OFFSET_NUMBER: Final = 0
_OFFSET_ARCHITECTURE: Final = 4
_OFFSET_FIRST_ARGUMENT: Final = 16  # its low half: both architectures are little-endian
_OFFSET_SECOND_ARGUMENT: Final = 24

# Machine name → (AUDIT_ARCH, column in the tables below). Numbers: arch/x86/entry/syscalls/syscall_64.tbl and
# include/uapi/asm-generic/unistd.h of the kernel.
_ARCHITECTURES: Final = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_SECCOMP: Final = (317, 277)
_CLONE: Final = (56, 220)
_CLONE3: Final = (435, 435)
_PRCTL: Final = (157, 167)
_PR_SET_DUMPABLE: Final = 4  # 0 would hide open files from the supervisor, which counts what was unlinked
_PRLIMIT64: Final = (302, 261)  # on oneself (pid 0) only: on others it could starve a server of the same uid
_IO_URING: Final = ((425, 425), (426, 426), (427, 427))

_NONE: Final = -1  # this architecture has no such call
_DENIED: Final = {
    # other processes' memory and descriptors
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "userfaultfd": (323, 282), "memfd_create": (319, 279), "memfd_secret": (447, 447),
    # network: socketpair and what works on it stay, asyncio needs them
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202),
    "accept4": (288, 242),
    # mounts and namespaces
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
    "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467), "statmount": (457, 457), "listmount": (458, 458),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    # the kernel itself
    "bpf": (321, 280), "perf_event_open": (298, 241), "add_key": (248, 217), "request_key": (249, 218),
    "keyctl": (250, 219), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224),
    "swapoff": (168, 225), "sethostname": (170, 161), "setdomainname": (171, 162), "acct": (163, 89),
    "iopl": (172, _NONE), "ioperm": (173, _NONE), "modify_ldt": (154, _NONE), "quotactl": (179, 60),
    "quotactl_fd": (443, 443), "personality": (135, 92), "vhangup": (153, 58), "uselib": (134, _NONE),
    "syslog": (103, 116), "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "adjtimex": (159, 171), "lookup_dcookie": (212, 18), "fanotify_init": (300, 262), "fanotify_mark": (301, 263),
    # memory placement and scheduling, also of others
    "migrate_pages": (256, 238), "move_pages": (279, 239), "mbind": (237, 235), "set_mempolicy": (238, 237),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "sched_setaffinity": (203, 122), "setpriority": (141, 140), "ioprio_set": (251, 30),
    # what outlives the process: System V and POSIX queues, semaphores and shared memory
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "shmdt": (67, 197), "semget": (64, 190),
    "semop": (65, 193), "semctl": (66, 191), "semtimedop": (220, 192), "msgget": (68, 186), "msgsnd": (69, 189),
    "msgrcv": (70, 188), "msgctl": (71, 187), "mq_open": (240, 180), "mq_unlink": (241, 181),
    "mq_timedsend": (242, 182), "mq_timedreceive": (243, 183), "mq_notify": (244, 184), "mq_getsetattr": (245, 185),
}  # fmt: skip

# Landlock does not stop these. Where programs share the server's uid they reach the metadata of the server's own files.
_DENIED_WITH_SHARED_UID: Final = {
    "chmod": (90, _NONE), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, _NONE),
    "fchown": (93, 55), "lchown": (94, _NONE), "fchownat": (260, 54), "utime": (132, _NONE), "utimes": (235, _NONE),
    "futimesat": (261, _NONE), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "setxattrat": (463, 463), "removexattrat": (466, 466), "file_setattr": (469, 469),
}  # fmt: skip


class Filter:
    """A compiled filter, made once and installed once, in the zygote: what it forks inherits it for nothing."""

    def __init__(self, own_uid: bool) -> None:
        """Raises OSError where the machine's system call numbers are not known."""
        machine = os.uname().machine
        if machine not in _ARCHITECTURES:
            raise OSError(errno.ENOSYS, f"no seccomp filter for {machine}: only {', '.join(_ARCHITECTURES)}")
        architecture, self._column = _ARCHITECTURES[machine]
        code = b"".join(_instructions(architecture, self._column, own_uid))
        self._code = ctypes.create_string_buffer(code, len(code))
        header = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(self._code))
        self._header = ctypes.create_string_buffer(header, len(header))

    def install(self) -> None:
        """Put this process and its descendants under the filter. Needs no_new_privs."""
        syscall(_SECCOMP[self._column], _SET_MODE_FILTER, 0, self._header)


def _instructions(architecture: int, column: int, own_uid: bool) -> list[bytes]:
    program = [
        _step(_LOAD, _OFFSET_ARCHITECTURE),
        _jump(_JUMP_EQUAL, architecture, 1, 0),
        _step(_RETURN, _KILL_PROCESS),
        _step(_LOAD, _OFFSET_NUMBER),
    ]
    if column == 0:
        program += [_jump(_JUMP_AT_LEAST, _X32_BIT, 0, 1), _step(_RETURN, _KILL_PROCESS)]
    for numbers in (_CLONE3, *_IO_URING):
        program += _deny(numbers[column], errno.ENOSYS)
    program += _deny_by_argument(_CLONE[column], _jump(_JUMP_ANY_BIT, _NAMESPACE_FLAGS, 1, 0))
    program += _deny_by_argument(_PRLIMIT64[column], _jump(_JUMP_EQUAL, 0, 0, 1))
    program += _deny_hiding(_PRCTL[column])
    denied = _DENIED if own_uid else _DENIED | _DENIED_WITH_SHARED_UID
    for numbers in denied.values():
        if numbers[column] != _NONE:
            program += _deny(numbers[column], errno.EPERM)
    return [*program, _step(_RETURN, _ALLOW)]


def _deny(number: int, error: int) -> list[bytes]:
    return [_jump(_JUMP_EQUAL, number, 0, 1), _step(_RETURN, _ERRNO | error)]


def _deny_by_argument(number: int, test: bytes) -> list[bytes]:
    """`test` looks at the first argument: it steps over one instruction to deny, over none to allow."""
    return [
        _jump(_JUMP_EQUAL, number, 0, 4),
        _step(_LOAD, _OFFSET_FIRST_ARGUMENT),
        test,
        _step(_RETURN, _ALLOW),
        _step(_RETURN, _ERRNO | errno.EPERM),
    ]


def _deny_hiding(number: int) -> list[bytes]:
    """prctl(PR_SET_DUMPABLE, 1) stays: a process that has changed its uid needs it to be looked at again."""
    return [
        _jump(_JUMP_EQUAL, number, 0, 6),
        _step(_LOAD, _OFFSET_FIRST_ARGUMENT),
        _jump(_JUMP_EQUAL, _PR_SET_DUMPABLE, 0, 3),
        _step(_LOAD, _OFFSET_SECOND_ARGUMENT),
        _jump(_JUMP_EQUAL, 1, 1, 0),
        _step(_RETURN, _ERRNO | errno.EPERM),
        _step(_RETURN, _ALLOW),
    ]


def _step(code: int, value: int) -> bytes:
    return struct.pack("HBBI", code, 0, 0, value)


def _jump(code: int, value: int, steps_if_true: int, steps_if_false: int) -> bytes:
    return struct.pack("HBBI", code, steps_if_true, steps_if_false, value)
