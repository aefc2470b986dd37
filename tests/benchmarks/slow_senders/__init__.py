"""What slow and idle senders cost those who only want an answer."""
