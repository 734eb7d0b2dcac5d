//! Uploaded files: each one file in a folder, with its name and owner beside it, both sealed.

use std::path::{Path, PathBuf};

use runtime::context::TenantId;
use runtime::fault::Fault;
use serde::{Deserialize, Serialize};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tonic::Code;
use uuid::Uuid;

use crate::domain::keys::Keys;
use crate::file::Place;
use crate::places::{PlaceError, Places};
use vault::file::Sealer;

/// Prefix of the names of uploads.
const PREFIX: &str = "uploads/";
/// What the facts of uploads are sealed for; no tenant is named so.
const FACTS: &str = "(uploads)";

/// Keeps uploaded files.
#[derive(Clone)]
pub struct Uploads {
    folder: PathBuf,
    bytes_max: u64,
    places: Places,
    keys: Keys,
}

/// What is known of an uploaded file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Name of the file, as its owner knows it.
    pub file_name: String,
    /// Whose it is.
    pub tenant: String,
    /// Bytes.
    pub size_bytes: u64,
    /// When it was last changed, in microseconds since 1970; absent for an upload, which never changes.
    #[serde(default)]
    pub modified_micros: Option<i64>,
    /// Whether it was imported to its end: then its bytes are gone.
    #[serde(default)]
    pub imported: bool,
}

/// Why a file is not taken or not found.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// More bytes than are taken.
    #[error("a file may have {0} bytes")]
    TooLarge(u64),
    /// There is no such upload of this tenant.
    #[error("there is no upload `{0}`")]
    NotFound(String),
    /// The URL is of no use.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The folder cannot be used.
    #[error("the folder of uploads cannot be used: {0}")]
    Folder(#[from] std::io::Error),
}

impl Fault for UploadError {
    fn code(&self) -> Code {
        match self {
            Self::TooLarge(_) => Code::ResourceExhausted,
            Self::NotFound(_) => Code::NotFound,
            Self::Place(error) => error.code(),
            Self::Folder(_) => Code::Unavailable,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "UPLOAD_TOO_LARGE",
            Self::NotFound(_) => "UPLOAD_NOT_FOUND",
            Self::Place(error) => error.reason(),
            Self::Folder(_) => "UPLOADS_UNAVAILABLE",
        }
    }
}

/// A file while it is received. Dropped before [`Incoming::finish`], it leaves nothing.
pub struct Incoming {
    uploads: Uploads,
    id: Uuid,
    file: File,
    part: tempfile::TempPath,
    upload: Upload,
    sealer: Sealer,
    sealed: Vec<u8>,
}

impl Uploads {
    /// Keeps files of at most `bytes_max` bytes in a folder, which is created if absent, sealed under a masking key; files in
    /// `places` are read where they are.
    pub fn open(
        folder: &Path,
        bytes_max: u64,
        places: Places,
        keys: Keys,
    ) -> Result<Self, UploadError> {
        std::fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            bytes_max,
            places,
            keys,
        })
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the places where files may be read by URL.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Begins to receive a file.
    pub async fn begin(
        &self,
        tenant: &TenantId,
        file_name: String,
    ) -> Result<Incoming, UploadError> {
        let part = tempfile::Builder::new()
            .prefix("part-")
            .tempfile_in(&self.folder)?;
        let (file, part) = part.into_parts();
        let upload = Upload {
            file_name,
            tenant: tenant.to_string(),
            size_bytes: 0,
            modified_micros: None,
            imported: false,
        };
        let id = Uuid::new_v4();
        Ok(Incoming {
            uploads: self.clone(),
            id,
            file: File::from_std(file),
            part,
            upload,
            sealer: Sealer::new(&self.keys.masking().ring, *id.as_bytes()),
            sealed: Vec::new(),
        })
    }

    /// Returns an upload of a tenant, or a file in one of the places, with the place of its bytes.
    pub async fn find(
        &self,
        tenant: &TenantId,
        name: &str,
    ) -> Result<(Upload, Place), UploadError> {
        if !name.starts_with(PREFIX) && name.contains(':') {
            let found = self.places.file(tenant.as_str(), name).await?;
            let upload = Upload {
                file_name: found.name,
                tenant: tenant.to_string(),
                size_bytes: found.size_bytes,
                modified_micros: Some(found.modified_micros),
                imported: false,
            };
            return Ok((upload, found.path.into()));
        }
        let missing = || UploadError::NotFound(name.to_owned());
        let id = id_of(name).ok_or_else(missing)?;
        let text = match tokio::fs::read_to_string(self.facts(id)).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(missing()),
            text => text?,
        };
        let ring = self.keys.masking().ring.clone();
        let facts = ring
            .open((FACTS, &id.to_string()), text.trim())
            .map_err(std::io::Error::other)?;
        let upload: Upload = serde_json::from_str(&facts).map_err(|_| missing())?;
        if upload.tenant != tenant.as_str() {
            return Err(missing());
        }
        let path = self.folder.join(id.to_string());
        Ok((upload, Place::sealed(path, ring)))
    }

    /// Removes the bytes of an upload that was imported to its end. Its facts stay for a while, so that an import that is asked
    /// about again knows that it has ended. Does nothing to files in places.
    pub async fn imported(&self, name: &str, upload: &Upload) -> Result<(), UploadError> {
        let Some(id) = id_of(name) else {
            return Ok(());
        };
        let upload = Upload {
            imported: true,
            ..upload.clone()
        };
        self.keep_facts(id, &upload).await?;
        match tokio::fs::remove_file(self.folder.join(id.to_string())).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Writes what is known of an upload, whole or not at all.
    async fn keep_facts(&self, id: Uuid, upload: &Upload) -> Result<(), UploadError> {
        let facts = serde_json::to_string(upload).map_err(std::io::Error::other)?;
        let ring = &self.keys.masking().ring;
        let salt = [id.as_bytes().as_slice(), &[u8::from(upload.imported)]].concat();
        let sealed = ring.seal((FACTS, &id.to_string()), &salt, &facts);
        let part = tempfile::Builder::new()
            .prefix("part-")
            .tempfile_in(&self.folder)?;
        let (file, part) = part.into_parts();
        let mut file = File::from_std(file);
        file.write_all(sealed.as_bytes()).await?;
        file.sync_all().await?;
        part.persist(self.facts(id)).map_err(|error| error.error)?;
        Ok(())
    }

    fn facts(&self, id: Uuid) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }
}

impl Incoming {
    /// Adds bytes.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.upload.size_bytes += bytes.len() as u64;
        if self.upload.size_bytes > self.uploads.bytes_max {
            return Err(UploadError::TooLarge(self.uploads.bytes_max));
        }
        self.sealer.push(bytes, &mut self.sealed)?;
        self.file.write_all(&self.sealed).await?;
        self.sealed.clear();
        Ok(())
    }

    /// Keeps the file, on the disk, and returns its name and size.
    pub async fn finish(mut self) -> Result<(String, u64), UploadError> {
        self.sealer.finish(&mut self.sealed)?;
        self.file.write_all(&self.sealed).await?;
        self.file.flush().await?;
        self.file.sync_all().await?;
        // The facts come last: an upload without them does not exist.
        let path = self.uploads.folder.join(self.id.to_string());
        self.part.persist(&path).map_err(|error| error.error)?;
        self.uploads.keep_facts(self.id, &self.upload).await?;
        Ok((format!("{PREFIX}{}", self.id), self.upload.size_bytes))
    }
}

/// Returns the id of an upload by its name.
fn id_of(name: &str) -> Option<Uuid> {
    let id = name.strip_prefix(PREFIX)?;
    Uuid::parse_str(id).ok()
}
