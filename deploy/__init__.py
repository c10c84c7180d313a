"""Commands that deploying needs, beside `sam`: they read the template, and ask AWS about a stack."""
