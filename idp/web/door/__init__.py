"""What people see at the door: the wallet's page with an app's request in it, and a page after signing out."""
