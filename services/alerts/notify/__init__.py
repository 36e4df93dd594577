"""How alerts reach people: routing, grouping, inhibition, silences, digests, the notification log, and delivery.

The model is Prometheus Alertmanager. `routing.py`, `dispatch.py` and `groups.py` hold the rules as pure functions;
docs/notifications.md says how they are configured and what is guaranteed.
"""
