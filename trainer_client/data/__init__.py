"""Data sets to prompts, in an order that a seed and a cursor say: files and built-in tasks, never a hub.

fields      a row to an example: paths, presets of known shapes, chat messages
rows arrow  files and directories to rows
examples    rows to sequences of examples that are read when they are asked for
order       the shuffled stream; mixtures by weight
pass_rates  curriculum: which problems, and how often, by how often they are solved
prompts     templates, chat templates, tokens
load        all of it, from the configuration
"""

from trainer_client.data.curriculum import Curriculum
from trainer_client.data.examples import FileExamples, Mixture
from trainer_client.data.load import load_examples, open_stream
from trainer_client.data.order import Shuffled, Stream
from trainer_client.data.pass_rates import PassRate, read_pass_rates, write_pass_rates
from trainer_client.data.prompts import PromptBuilder

__all__ = [
    "Curriculum",
    "FileExamples",
    "Mixture",
    "PassRate",
    "PromptBuilder",
    "Shuffled",
    "Stream",
    "load_examples",
    "open_stream",
    "read_pass_rates",
    "write_pass_rates",
]
