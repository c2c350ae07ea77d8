"""Gateway. Owns nothing. HTTP edge of the gRPC services: REST, webhooks, request form, survey page, wallboard."""
