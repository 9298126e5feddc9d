// Mode CALLS for JavaScript: loads the source once, then answers the requests on its channel, see sandbox/calls.py.
//
// Whatever is needed after the source has run is taken before it runs, so that a program that changes the standard
// objects changes its own values at most. It gains nothing by changing this: all that leaves here is the statement of
// a value, which is judged elsewhere. undefined becomes null, as in JSON; numbers are written as JSON writes them.
'use strict';

const fs = require('fs');
const vm = require('vm');
const path = require('path');
const { createRequire } = require('module');
const { pathToFileURL } = require('url');

const REQUESTS_FD = 3;
const REPLIES_FD = 4;
const CHUNK_BYTES = 1 << 16;
const DEPTH_LIMIT = 200;
const PARTS_LIMIT = 1000000;
const ITERATOR_LIMIT = 100000;
const TEXT_LIMIT = 32 << 20;
const MESSAGE_CHARACTERS = 500;
const HEX_ABOVE_DIGITS = 300;

const { apply, ownKeys, getPrototypeOf, construct } = Reflect;
const { parse, stringify } = JSON;
const { isArray } = Array;
const { isInteger, isFinite: isFiniteNumber } = Number;
const { abs } = Math;
const { defineProperty, getOwnPropertyDescriptor, is } = Object;
const { isView } = ArrayBuffer;
const { isMap, isSet, isDate, isPromise, isProxy } = require('util').types;
const { readSync, writeSync } = fs;
const { runInThisContext } = vm;
const objectPrototype = Object.prototype;
const text = String;
const big = BigInt;
const nothing = undefined;
const BaseError = Error;
const ByteArray = Uint8Array;
const Bytes = ArrayBuffer;
const NewMap = Map;
const NewSet = Set;
const iteratorSymbol = Symbol.iterator;
const exit = process.reallyExit;
const encoder = new TextEncoder();
const showError = console.error;

const uncurried = (method) => (self, ...args) => apply(method, self, args);
const mapForEach = uncurried(Map.prototype.forEach);
const mapSet = uncurried(Map.prototype.set);
const setForEach = uncurried(Set.prototype.forEach);
const setAdd = uncurried(Set.prototype.add);
const toIso = uncurried(Date.prototype.toISOString);
const encode = uncurried(TextEncoder.prototype.encode);
const utf8Slice = uncurried(Buffer.prototype.utf8Slice); // unlike toString, these call nothing that can be changed
const base64Slice = uncurried(Buffer.prototype.base64Slice);
const base64Write = uncurried(Buffer.prototype.base64Write);
const indexOf = uncurried(Uint8Array.prototype.indexOf);
const setBytes = uncurried(Uint8Array.prototype.set);
const subarray = uncurried(Uint8Array.prototype.subarray);
const slice = uncurried(String.prototype.slice);
const split = uncurried(String.prototype.split);
const replaceAll = uncurried(String.prototype.replaceAll);
const hexOf = uncurried(BigInt.prototype.toString);
const test = uncurried(RegExp.prototype.test);
const isPrototypeOf = uncurried(Object.prototype.isPrototypeOf);

class Unsupported {
  constructor(why) {
    this.why = why;
  }
}

// Values to text.

class Writer {
  constructor() {
    this.parts = 0;
  }

  write(value, depth) {
    this.parts += 1;
    if (this.parts > PARTS_LIMIT) throw new Unsupported(`the value has more than ${PARTS_LIMIT} parts`);
    if (depth > DEPTH_LIMIT) throw new Unsupported(`the value is nested deeper than ${DEPTH_LIMIT}`);
    switch (typeof value) {
      case 'undefined': return 'null';
      case 'boolean': return value ? 'true' : 'false';
      case 'string': return stringify(value);
      case 'number': return writeNumber(value);
      case 'bigint': return writeBig(value);
      case 'object': return value === null ? 'null' : this.writeObject(value, depth + 1);
      default: throw new Unsupported(`a ${typeof value} is not a plain value`);
    }
  }

  writeObject(value, depth) {
    if (isArray(value)) return this.writeArray(value, depth);
    if (isMap(value)) return this.writeMap(value, depth);
    if (isSet(value)) return this.writeSet(value, depth);
    if (isDate(value)) return `{"datetime":${stringify(replaceAll(toIso(value), 'Z', '+00:00'))}}`;
    if (value instanceof ByteArray) return writeBytes(value);
    if (value instanceof Bytes) return writeBytes(new ByteArray(value));
    if (isView(value) && typeof value.length === 'number') return this.writeArray(value, depth);
    const prototype = getPrototypeOf(value);
    if (prototype === objectPrototype || prototype === null) return this.writePlain(value, depth);
    if (typeof value.next === 'function' && typeof value[iteratorSymbol] === 'function') return this.readOut(value, depth);
    throw new Unsupported(`an object of class ${nameOf(value)} is not a plain value`);
  }

  writeArray(value, depth) {
    let written = '';
    for (let index = 0; index < value.length; index += 1) {
      written += (index ? ',' : '') + this.write(value[index], depth);
    }
    return `[${written}]`;
  }

  writePlain(value, depth) {
    let written = '';
    const keys = ownKeys(value);
    for (let index = 0; index < keys.length; index += 1) {
      const key = keys[index];
      const property = typeof key === 'string' ? getOwnPropertyDescriptor(value, key) : nothing;
      if (property === nothing || !property.enumerable) continue;
      const content = value[key];
      if (content === nothing) continue; // as JSON leaves it out
      written += `${written ? ',' : ''}[${stringify(key)},${this.write(content, depth)}]`;
    }
    return `{"dict":[${written}]}`;
  }

  writeMap(value, depth) {
    let written = '';
    mapForEach(value, (content, key) => {
      written += `${written ? ',' : ''}[${this.writeKey(key, depth)},${this.write(content, depth)}]`;
    });
    return `{"dict":[${written}]}`;
  }

  writeSet(value, depth) {
    let written = '';
    setForEach(value, (member) => {
      written += (written ? ',' : '') + this.writeKey(member, depth);
    });
    return `{"set":[${written}]}`;
  }

  writeKey(value, depth) {
    if (typeof value === 'object' && value !== null) throw new Unsupported('an object as a key or member of a set is not plain');
    return this.write(value, depth);
  }

  readOut(value, depth) {
    let written = '';
    for (let count = 0; ; count += 1) {
      const step = value.next();
      if (step.done) return `{"iterator":[${written}]}`;
      if (count === ITERATOR_LIMIT) throw new Unsupported(`an iterator gave more than ${ITERATOR_LIMIT} values`);
      written += (count ? ',' : '') + this.write(step.value, depth);
    }
  }
}

function writeNumber(value) {
  if (!isFiniteNumber(value)) return is(value, NaN) ? '{"float":"nan"}' : `{"float":"${value > 0 ? 'inf' : '-inf'}"}`;
  if (is(value, -0)) return '-0.0';
  return text(value);
}

function writeBig(value) {
  const digits = text(value);
  if (digits.length <= HEX_ABOVE_DIGITS) return digits;
  return `{"int":"${value < 0n ? '-0x' + hexOf(-value, 16) : '0x' + hexOf(value, 16)}"}`;
}

function writeBytes(bytes) {
  return `{"bytes":"${base64Slice(bytes, 0, bytes.length)}"}`;
}

function write(value) {
  const written = new Writer().write(value, 0);
  if (written.length > TEXT_LIMIT) throw new Unsupported(`the value takes more than ${TEXT_LIMIT} characters`);
  return written;
}

// Text to values.

function read(packed) {
  if (isArray(packed)) return readArray(packed);
  if (typeof packed !== 'object' || packed === null) return packed;
  const tag = ownKeys(packed)[0];
  const body = packed[tag];
  switch (tag) {
    case 'tuple': case 'iterator': case 'deque': return readArray(body);
    case 'dict': return readDict(body);
    case 'set': case 'frozenset': return readSet(body);
    case 'float': return body === 'nan' ? NaN : body === 'inf' ? Infinity : -Infinity;
    case 'int': return body[0] === '-' ? -big(slice(body, 1)) : big(body);
    case 'bytes': case 'bytearray': return readBytes(body);
    default: throw new BaseError(`JavaScript has no value for ${tag}`);
  }
}

function readArray(body) {
  const values = [];
  for (let index = 0; index < body.length; index += 1) put(values, index, read(body[index]));
  return values;
}

function readBytes(body) {
  const padding = (body[body.length - 1] === '=') + (body[body.length - 2] === '=');
  const made = new ByteArray((body.length / 4) * 3 - padding);
  base64Write(made, body, 0, made.length);
  return made;
}

function readDict(body) {
  let named = true;
  for (let index = 0; index < body.length; index += 1) named = named && typeof body[index][0] === 'string';
  const made = named ? {} : new NewMap();
  for (let index = 0; index < body.length; index += 1) {
    const value = read(body[index][1]);
    if (named) put(made, body[index][0], value);
    else mapSet(made, read(body[index][0]), value);
  }
  return made;
}

function readSet(body) {
  const made = new NewSet();
  for (let index = 0; index < body.length; index += 1) setAdd(made, read(body[index]));
  return made;
}

function put(object, key, value) {
  defineProperty(object, key, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
}

// The program.

const NAME = /^[A-Za-z_$][\w$]*$/;
defineProperty(NAME, 'exec', { __proto__: null, value: RegExp.prototype.exec }); // test() looks it up
const MODULE_SYNTAX = /^\s*(?:export|import)\b/m;
const before = {};
let exported = {};

async function load(file) {
  const source = fs.readFileSync(file, 'utf8');
  const full = path.resolve(file);
  const module = { exports: {}, filename: full, id: '.', loaded: false, children: [], paths: [] };
  const given = { module, exports: module.exports, require: createRequire(full), __filename: full, __dirname: path.dirname(full) };
  module.require = given.require;
  given.require.main = module;
  for (const name of ownKeys(given)) {
    defineProperty(globalThis, name, { value: given[name], writable: true, configurable: true, enumerable: false });
  }
  for (const name of ownKeys(globalThis)) before[name] = true;
  let script;
  try {
    script = new vm.Script(source, { filename: file });
  } catch (error) {
    if (!(error instanceof SyntaxError) || !MODULE_SYNTAX.test(source)) throw error;
    const copy = `${full}.mjs`;
    fs.writeFileSync(copy, source);
    exported = await import(pathToFileURL(copy));
    return;
  }
  script.runInThisContext();
  exported = module.exports;
}

function find(name) {
  const holder = (typeof exported === 'object' || typeof exported === 'function') && exported !== null;
  if (holder && name in exported && getOwnPropertyDescriptor(exported, name) !== nothing) return exported[name];
  if (!test(NAME, name)) throw new ReferenceError(`${name} is not a name`);
  try {
    return runInThisContext(name);
  } catch (error) {
    if (typeof exported === 'function') return exported; // module.exports = function () ...
    throw error;
  }
}

function resolve(entry) {
  if (typeof entry !== 'string') throw new BaseError('objects of a JavaScript program cannot be referred to');
  const names = split(replaceAll(entry, '()', ''), '.');
  let owner = nothing;
  let target = find(names[0]);
  for (let index = 1; index < names.length; index += 1) {
    const isMethod = typeof target === 'function' && target.prototype && names[index] in target.prototype;
    owner = isMethod && !(getOwnPropertyDescriptor(target, names[index])) ? construct(target, []) : target;
    target = owner[names[index]];
  }
  return { owner, target };
}

// Requests and replies.

async function call(request) {
  const args = readArray(request.args);
  const keys = [];
  for (let index = 0; index < args.length; index += 1) put(keys, index, index);
  const names = ownKeys(request.kwargs);
  for (let index = 0; index < names.length; index += 1) {
    put(keys, args.length, names[index]);
    put(args, args.length, read(request.kwargs[names[index]])); // there are no keywords: they follow in order
  }
  const given = [];
  for (let index = 0; index < args.length; index += 1) put(given, index, writtenIfMutable(args[index]));
  const passed = [];
  for (let index = 0; index < args.length; index += 1) put(passed, index, args[index]);
  const { owner, target } = resolve(request.entry);
  let value = apply(target, owner, passed);
  if (isThenable(value)) value = await value;
  const answer = answerWith(value);
  if (answer.unsupported) return answer.text;
  let changed = '';
  for (let index = 0; index < args.length; index += 1) {
    const now = given[index] === nothing ? nothing : writtenIfMutable(args[index]);
    if (now === nothing || now === given[index]) continue;
    changed += `${changed ? ',' : ''}[${stringify(keys[index])},${now}]`;
  }
  return changed ? `${answer.text},"changed":[${changed}]` : answer.text;
}

function isThenable(value) {
  return isPromise(value) || (typeof value === 'object' && value !== null && !isProxy(value) && typeof value.then === 'function');
}

function answerWith(value) {
  try {
    return { unsupported: false, text: `"value":${write(value)}` };
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    return { unsupported: true, text: `"unsupported":${stringify(error.why)},"truth":${value ? 'true' : 'false'}` };
  }
}

function writtenIfMutable(value) {
  if (typeof value !== 'object' || value === null) return nothing;
  try {
    return write(value);
  } catch (error) {
    return nothing; // the caller keeps its argument as it was; nothing better can be said
  }
}

function get(request) {
  const { target } = resolve(request.entry);
  return typeof target === 'function' ? '"callable":true' : answerWith(target).text;
}

function names() {
  let written = '';
  const add = (name) => {
    if (typeof name === 'string' && name[0] !== '_') written += (written ? ',' : '') + stringify(name);
  };
  const own = typeof exported === 'object' && exported !== null ? ownKeys(exported) : [];
  for (let index = 0; index < own.length; index += 1) add(own[index]);
  const globals = ownKeys(globalThis);
  for (let index = 0; index < globals.length; index += 1) if (!before[globals[index]]) add(globals[index]);
  return `"value":[${written}]`;
}

const STANDARD = {
  __proto__: null, TypeError: 'TypeError', ReferenceError: 'NameError', SyntaxError: 'SyntaxError', RangeError: 'ValueError',
};

function describe(error) {
  let type = 'Error';
  let message = '';
  try {
    type = nameOf(error);
    message = error instanceof BaseError ? text(error.message) : text(error);
  } catch (again) {
    message = 'the error cannot be shown';
  }
  const shown = stringify(slice(text(message), 0, MESSAGE_CHARACTERS));
  const base = stringify(STANDARD[type] || 'Exception');
  return `"error":{"type":${stringify(slice(text(type), 0, 100))},"base":${base},"args":[${shown}],"message":${shown},"attributes":{}}`;
}

function nameOf(value) {
  const prototype = typeof value === 'object' && value !== null ? getPrototypeOf(value) : nothing;
  const maker = prototype && prototype.constructor;
  return typeof maker === 'function' && typeof maker.name === 'string' && maker.name ? maker.name : 'Error';
}

async function answer(request) {
  try {
    switch (request.op) {
      case 'call': return await call(request);
      case 'get': return get(request);
      case 'names': return names();
      default: throw new BaseError(`a JavaScript program cannot be asked for ${request.op}`);
    }
  } catch (error) {
    return describe(error);
  }
}

let pending = new ByteArray(0);

function nextLine() {
  let held = pending;
  let searched = 0;
  for (;;) {
    const end = indexOf(held, 10, searched);
    if (end >= 0) {
      pending = subarray(held, end + 1);
      return utf8Slice(held, 0, end);
    }
    searched = held.length;
    const grown = new ByteArray(held.length + (held.length > CHUNK_BYTES ? held.length : CHUNK_BYTES));
    const count = readSync(REQUESTS_FD, grown, held.length, grown.length - held.length, null);
    if (count === 0) return nothing;
    setBytes(grown, held, 0);
    held = subarray(grown, 0, searched + count);
  }
}

function send(line) {
  const bytes = encode(encoder, line);
  for (let sent = 0; sent < bytes.length;) sent += writeSync(REPLIES_FD, bytes, sent, bytes.length - sent);
}

async function main() {
  try {
    await load(process.argv[2]);
    for (;;) {
      const line = nextLine();
      if (line === nothing) exit(0);
      const request = parse(line);
      send(`{"id":${text(request.id)},${await answer(request)}}\n`);
    }
  } catch (error) {
    showError(error);
    exit(1);
  }
}

main();
