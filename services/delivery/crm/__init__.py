"""What a CRM says: who can own there, which companies it knows, what people changed."""
