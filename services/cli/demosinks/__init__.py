"""``up --demo-sinks``: local stand-ins of Slack, a mail server, HubSpot and a webhook, and a page
with what they received."""
