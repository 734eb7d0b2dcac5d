//! Files that are read where they are, by URL, below the folders that the operator allows.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use runtime::fault::Fault;
use tonic::Code;
use url::Url;

/// What stands for the tenant's id in a folder.
const TENANT: &str = "{tenant}";
/// Most files of a folder that are looked at.
const FILES_MAX: usize = 100_000;

/// Folders below which files may be read.
#[derive(Clone, Debug, Default)]
pub struct Places {
    roots: Vec<String>,
}

/// A file in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedFile {
    /// Where it is, without links on the way.
    pub path: PathBuf,
    /// Its name, without folders.
    pub name: String,
    /// Bytes.
    pub size_bytes: u64,
    /// When it was last changed, in microseconds since 1970.
    pub modified_micros: i64,
}

/// Why a URL leads to no file.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The URL is none of a file.
    #[error("`{0}` is no URL of a file: `file:///absolute/path` is expected")]
    NoUrl(String),
    /// The file, or what it links to, is not below an allowed folder.
    #[error(
        "`{0}` is not in a folder that the operator allows for this tenant (`import.roots`): upload the file instead"
    )]
    NotAllowed(String),
    /// There is nothing there.
    #[error("there is no file at `{0}`")]
    NotFound(String),
    /// It is there and cannot be read.
    #[error("`{0}` cannot be read: {1}")]
    Unreadable(String, std::io::Error),
}

impl Fault for PlaceError {
    fn code(&self) -> Code {
        match self {
            Self::NoUrl(_) => Code::InvalidArgument,
            Self::NotAllowed(_) => Code::PermissionDenied,
            Self::NotFound(_) => Code::NotFound,
            Self::Unreadable(..) => Code::FailedPrecondition,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NoUrl(_) => "FILE_URL_INVALID",
            Self::NotAllowed(_) => "PLACE_NOT_ALLOWED",
            Self::NotFound(_) => "FILE_NOT_FOUND",
            Self::Unreadable(..) => "FILE_UNREADABLE",
        }
    }
}

impl Places {
    /// Allows folders; `{tenant}` in one stands for the id of the tenant that asks.
    pub fn new(roots: Vec<String>) -> Self {
        Self { roots }
    }

    /// Returns the file of a URL, for a tenant. Links and `..` are followed before the folders are compared.
    pub async fn file(&self, tenant: &str, url: &str) -> Result<PlacedFile, PlaceError> {
        let (places, tenant, url) = (self.clone(), tenant.to_owned(), url.to_owned());
        blocking(move || places.file_now(&tenant, &url)).await
    }

    /// Returns the files of a folder's URL, or the one file of a file's, by name. Folders within it, hidden files and
    /// links that lead out of the allowed folders are left out.
    pub async fn files(&self, tenant: &str, url: &str) -> Result<Vec<PlacedFile>, PlaceError> {
        let (places, tenant, url) = (self.clone(), tenant.to_owned(), url.to_owned());
        blocking(move || places.files_now(&tenant, &url)).await
    }

    fn file_now(&self, tenant: &str, url: &str) -> Result<PlacedFile, PlaceError> {
        placed(&self.resolve(tenant, url)?, url)
    }

    fn files_now(&self, tenant: &str, url: &str) -> Result<Vec<PlacedFile>, PlaceError> {
        let path = self.resolve(tenant, url)?;
        if !path.is_dir() {
            return Ok(vec![placed(&path, url)?]);
        }
        let unreadable = |error| PlaceError::Unreadable(url.to_owned(), error);
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&path)
            .map_err(unreadable)?
            .take(FILES_MAX)
        {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // What vanished, is hidden, is no file or lies elsewhere is not of this folder.
            let Ok(inside) = self.inside(tenant, &entry.path(), url) else {
                continue;
            };
            if name.starts_with('.') || !inside.is_file() {
                continue;
            }
            if let Ok(file) = placed(&inside, url) {
                files.push(PlacedFile { name, ..file });
            }
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    /// Returns the path of a URL, all links resolved.
    fn resolve(&self, tenant: &str, url: &str) -> Result<PathBuf, PlaceError> {
        let parsed = Url::parse(url).ok().filter(|it| it.scheme() == "file");
        let path = parsed
            .filter(|it| it.host_str().is_none_or(str::is_empty))
            .and_then(|it| it.to_file_path().ok())
            .ok_or_else(|| PlaceError::NoUrl(url.to_owned()))?;
        self.inside(tenant, &path, url)
    }

    fn inside(&self, tenant: &str, path: &Path, url: &str) -> Result<PathBuf, PlaceError> {
        let roots: Vec<PathBuf> = self
            .roots
            .iter()
            .map(|root| PathBuf::from(root.replace(TENANT, tenant)))
            .filter(|root| root.is_absolute())
            .filter_map(|root| root.canonicalize().ok())
            .collect();
        let is_inside = |path: &Path| roots.iter().any(|root| path.starts_with(root));
        match path.canonicalize() {
            Ok(path) if is_inside(&path) => Ok(path),
            Ok(_) => Err(PlaceError::NotAllowed(url.to_owned())),
            Err(error) => {
                // Whether a file exists elsewhere is nobody's business.
                let known = path.ancestors().find_map(|it| it.canonicalize().ok());
                Err(match known.is_some_and(|known| is_inside(&known)) {
                    true if error.kind() == std::io::ErrorKind::NotFound => {
                        PlaceError::NotFound(url.to_owned())
                    }
                    true => PlaceError::Unreadable(url.to_owned(), error),
                    false => PlaceError::NotAllowed(url.to_owned()),
                })
            }
        }
    }
}

/// Returns what is known of a regular file.
fn placed(path: &Path, url: &str) -> Result<PlacedFile, PlaceError> {
    let facts =
        std::fs::metadata(path).map_err(|error| PlaceError::Unreadable(url.to_owned(), error))?;
    if !facts.is_file() {
        return Err(PlaceError::NotFound(url.to_owned()));
    }
    let modified = facts.modified().ok();
    let since = modified.and_then(|it| it.duration_since(UNIX_EPOCH).ok());
    Ok(PlacedFile {
        path: path.to_owned(),
        name: path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        size_bytes: facts.len(),
        modified_micros: since
            .and_then(|since| i64::try_from(since.as_micros()).ok())
            .unwrap_or_default(),
    })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PlaceError> + Send + 'static,
) -> Result<T, PlaceError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            Err(PlaceError::Unreadable(
                String::new(),
                std::io::Error::other(error),
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn reads_only_below_the_allowed_folders() {
        let folder = tempfile::tempdir().expect("folder");
        let root = folder.path().canonicalize().expect("root");
        for name in ["in/acme", "in/other", "out"] {
            std::fs::create_dir_all(root.join(name)).expect("folder");
            std::fs::write(root.join(name).join("a b.csv"), "x\n1\n").expect("file");
        }
        std::os::unix::fs::symlink(root.join("out/a b.csv"), root.join("in/acme/link.csv"))
            .expect("link");
        let places = Places::new(vec![format!("{}/in/{TENANT}", root.display())]);
        let ask = |path: &str| {
            let url = format!("file://{}/{path}", root.display());
            places
                .file_now("acme", &url)
                .map(|file| file.name)
                .map_err(|it| it.reason())
        };

        assert_eq!(ask("in/acme/a%20b.csv"), Ok("a b.csv".to_owned()));
        assert_eq!(ask("in/acme/../acme/a%20b.csv"), Ok("a b.csv".to_owned()));
        assert_eq!(ask("in/acme/none.csv"), Err("FILE_NOT_FOUND"));
        assert_eq!(ask("in/acme"), Err("FILE_NOT_FOUND"));
        for path in [
            "in/other/a%20b.csv",
            "in/acme/link.csv",
            "in/acme/../../out/a%20b.csv",
            "in/acme/%2e%2e/other/a%20b.csv",
            "out/none.csv",
        ] {
            assert_eq!(ask(path), Err("PLACE_NOT_ALLOWED"), "{path}");
        }
        let names = |path: &str| {
            let url = format!("file://{}/{path}", root.display());
            let files = places.files_now("acme", &url).map_err(|it| it.reason())?;
            Ok(files.into_iter().map(|it| it.name).collect::<Vec<_>>())
        };
        assert_eq!(names("in/acme"), Ok(vec!["a b.csv".to_owned()]));
        assert_eq!(names("out"), Err("PLACE_NOT_ALLOWED"));
        for url in [
            "https://example.com/a.csv",
            "file://host/a.csv",
            "a.csv",
            "file:a.csv",
        ] {
            let reason = places.file_now("acme", url).map_err(|it| it.reason());
            assert!(
                matches!(reason, Err("FILE_URL_INVALID" | "PLACE_NOT_ALLOWED")),
                "{url}"
            );
        }
    }
}
