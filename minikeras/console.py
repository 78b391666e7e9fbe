"""What is printed for people: messages, and whether the terminal can redraw a line."""

import logging
import sys

from minikeras.api.registry import public

_INTERACTIVE = True


@public("config.enable_interactive_logging", "utils.enable_interactive_logging")
def enable_interactive_logging():
    """Print progress to standard output (the default)."""
    global _INTERACTIVE
    _INTERACTIVE = True


@public("config.disable_interactive_logging", "utils.disable_interactive_logging")
def disable_interactive_logging():
    """Log progress with the module `logging` instead of printing it."""
    global _INTERACTIVE
    _INTERACTIVE = False


@public("config.is_interactive_logging_enabled", "utils.is_interactive_logging_enabled")
def is_interactive_logging_enabled():
    """Whether progress is printed rather than logged."""
    return _INTERACTIVE


def can_redraw(stream=None):
    """Whether a line on the stream can be drawn again: a terminal, or a notebook."""
    stream = sys.stdout if stream is None else stream
    if getattr(stream, "isatty", lambda: False)():
        return True
    shell = sys.modules.get("IPython")
    return bool(shell and getattr(shell, "get_ipython", lambda: None)()
                and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell")


def print_msg(message, line_break=True):
    """Print a message, or log it if interactive logging is off."""
    if _INTERACTIVE:
        text = message + "\n" if line_break else message
        try:
            sys.stdout.write(text)
        except UnicodeEncodeError:
            sys.stdout.write(text.encode("ascii", "replace").decode())
        sys.stdout.flush()
    else:
        logging.getLogger("minikeras").info(message)
