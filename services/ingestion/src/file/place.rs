//! Where a file is: on the disk as it came, or sealed.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use vault::KeyRing;
use vault::file::SealedFile;

/// Where a file is.
#[derive(Clone, Debug)]
pub struct Place {
    path: PathBuf,
    /// Keys that open it; absent when it is not sealed.
    ring: Option<KeyRing>,
}

/// The bytes of a file, read from anywhere.
pub(super) enum Source {
    Plain(File),
    Sealed(Box<SealedFile>),
}

impl Place {
    /// A sealed file, which a key of the ring opens.
    pub fn sealed(path: PathBuf, ring: KeyRing) -> Self {
        Self {
            path,
            ring: Some(ring),
        }
    }

    /// Returns the file itself unless it is sealed.
    pub(super) fn plain(&self) -> Option<io::Result<File>> {
        self.ring.is_none().then(|| File::open(&self.path))
    }

    /// Opens the file.
    pub(super) fn open(&self) -> io::Result<Source> {
        match &self.ring {
            None => File::open(&self.path).map(Source::Plain),
            Some(ring) => {
                let sealed = SealedFile::open(&self.path, ring)?;
                Ok(Source::Sealed(Box::new(sealed)))
            }
        }
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        path.to_owned().into()
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self { path, ring: None }
    }
}

impl From<&Place> for Place {
    fn from(place: &Place) -> Self {
        place.clone()
    }
}

impl From<&PathBuf> for Place {
    fn from(path: &PathBuf) -> Self {
        path.clone().into()
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            Self::Sealed(file) => file.read(buffer),
        }
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Plain(file) => file.seek(to),
            Self::Sealed(file) => file.seek(to),
        }
    }
}
