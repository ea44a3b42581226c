"""The state over HTTP with the standard library of Python: state.py http://127.0.0.1:9000

A testnet shows its state to the host; any other network shows it inside the TEE alone.
"""
import json
import sys
import urllib.parse
import urllib.request

URL = sys.argv[1]


def ask(method, path, body=None):
    """One request; an answer that is an error raises HTTPError, whose body holds code, message and next step."""
    data = None if body is None else json.dumps(body).encode()
    headers = {} if body is None else {"content-type": "application/json"}
    request = urllib.request.Request(URL + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def path_of(key):
    """A key is one segment of the path, slashes included."""
    return "/v1/state/" + urllib.parse.quote(key, safe="")


# With other members leave ack=local out: one more then holds the write before it is answered.
# The stream is open before the write, so that the change cannot be missed.
with urllib.request.urlopen(URL + "/v1/state-watch?prefix=greetings%2F", timeout=20) as stream:
    ask("PUT", path_of("greetings/py") + "?ack=local", {"text": "hello"})
    print("get", ask("GET", path_of("greetings/py"))["value"]["text"])
    for line in stream:
        if line.startswith(b"data: "):
            print("watch", json.loads(line[6:])["key"])
            break

for by in (2, 3):
    ask("POST", path_of("visits-py") + "/count?ack=local", {"by": by})
print("counter", ask("GET", path_of("visits-py"))["value"])
