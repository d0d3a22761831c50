"""The account side of anonymous age tokens: it signs what it cannot read (RFC 9576 to 9578)."""
