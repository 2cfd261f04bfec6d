"""Places of files: paths of this machine, and addresses of storage such as gs://bucket/folder.

An address is a `RemotePath`, which has the methods of `pathlib.Path` that this package uses, over
`tf.io.gfile`; TensorFlow is imported when the first of them is called. Object stores differ from
disks: a file appears whole when it has been written, there are no locks, no file is appended to
but by writing it anew, and a folder cannot be renamed in one step.
"""

from tfpix2pix.places.naming import as_place, is_remote, local_place
from tfpix2pix.places.remote import RemotePath

__all__ = ["RemotePath", "as_place", "is_remote", "local_place"]
