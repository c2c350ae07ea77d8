"""The embedded stack: a private broker, a private database and the platform, for laptops and tests."""
