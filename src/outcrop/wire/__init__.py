"""AWS HTTP ⇄ plain dicts, derived at run time from botocore's service models.

Knows shapes; knows no job, model or store.

Reading order is that of a request:

    gateway → router → request (the body) → authenticate (sigv4, bearer) → parse (json_body) → validate
            → the operation's handler (api) → serialize or eventstream; what goes wrong becomes an answer in faults

`service` and `shapes` are the facade over botocore that all of them are compiled from, once, at start-up.
"""
