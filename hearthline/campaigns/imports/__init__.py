"""Contacts from spreadsheets: `uploads` takes a file and the owner's word, `running` imports it in the background."""
