"""The one kind of error that is the user's to mend."""


class UserError(Exception):
    """Bad input, settings or surroundings: the message says what was expected and what to do.

    Commands print it as one line without a traceback and exit with 1; any other exception is a
    defect of this package.
    """


class SettingsError(UserError):
    """A setting, a flag or a settings file that cannot be used; commands exit with 2."""
