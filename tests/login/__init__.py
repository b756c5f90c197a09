"""People: how they sign in, stay signed in, and what each may see and do."""
