"""From the submission to the message that a rep sees."""
