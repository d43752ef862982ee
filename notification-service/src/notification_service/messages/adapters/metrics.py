"""Metrics of the queue and its sender."""

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter(
    "notification_messages_total",
    "Messages ended, by channel and status (sent, failed, uncertain).",
    ["channel", "status"],
)
ATTEMPTS = Counter(
    "notification_attempts_total", "Tries to hand over a part, by channel and what happened.", ["channel", "code"]
)
QUEUED = Gauge("notification_queue_messages", "Messages waiting to be sent.")
OLDEST_AGE = Gauge("notification_queue_oldest_age_seconds", "Age of the oldest waiting message.")
SENDER_ACTIVE = Gauge("notification_sender_active", "1 in the process that sends, 0 in its stand-ins.")
CHANNEL_USABLE = Gauge("notification_channel_usable", "0 while the channel cannot be used.", ["channel"])
DELAY = Histogram(
    "notification_delivery_delay_seconds",
    "Time from the message being due to the channel having accepted all of it.",
    ["channel"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 1800, 7200, 86400),
)
