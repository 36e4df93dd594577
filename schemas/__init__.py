"""The event contracts: what travels on every topic, and the rules a message must keep to be taken.

Reading is lenient (unknown fields are ignored), writing is strict (`strict_json` refuses them).
"""
