"""`linksim export`: write a deployment bundle and check it against the link."""
