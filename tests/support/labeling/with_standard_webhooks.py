"""Run in the labeling environment: the library of Standard Webhooks verifies a request.

Input: `{"secret": ..., "headers": {...}, "body": ...}` as JSON. Prints the payload, or fails.
"""

import json
import sys

from standardwebhooks import Webhook

if __name__ == "__main__":
    given = json.load(sys.stdin)
    json.dump(Webhook(given["secret"]).verify(given["body"], given["headers"]), sys.stdout)
