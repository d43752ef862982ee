"""Private servers for one machine: PostgreSQL, Valkey, RabbitMQ, Prometheus, Alertmanager, nginx."""
