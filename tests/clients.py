"""What clients over plain HTTP have in common."""

import ssl

#: No certificate is asked for here, and to load those of all authorities takes longer than most requests do.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
