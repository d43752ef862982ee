"""What messages say: one template per event and language, rendered to the HTML that Telegram understands."""
