"""Score a batch over REST from any trainer: three completions of one problem, one of them in doubt.

python examples/score_batch.py http://127.0.0.1:8080
"""

import sys

import httpx

url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
completions = [
    "<think>Half of 3 is 1.5.</think><answer>\\boxed{\\frac{3}{2}}</answer>",
    "<think>Half of 3 is 1.</think><answer>\\boxed{1}</answer>",
    "It is 1.5",
]
items = [
    {"id": f"p0-{i}", "group_id": "p0", "prompt": "Half of 3?", "completion": text, "ground_truth": "1.5"}
    for i, text in enumerate(completions)
]
answer = httpx.post(f"{url}/v1/score", json={"profile": "r1-zero-math", "items": items}, timeout=60)
answer.raise_for_status()
for result in answer.json()["results"]:
    values = {name: component["value"] for name, component in result["components"].items()}
    print(result["id"], result["status"], result["reward"], values, result["flags"])
