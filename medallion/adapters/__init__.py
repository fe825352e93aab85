"""One package per foreign library; nothing else imports that library."""
