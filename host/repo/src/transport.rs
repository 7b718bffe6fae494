//! Fetching: bounded before anything is parsed, and remembered, so that a refusal can name the file.
//!
//! Directories are read through cap-std, so that no link in a repository leads out of it; other than that and the bounds, how
//! bytes arrive is no part of the trust.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use futures_util::{Stream, StreamExt, stream};
use tough::{Bytes, HttpTransport, HttpTransportBuilder, Transport, TransportError, TransportErrorKind, async_trait};
use url::Url;

/// What fetching may use. Engineering defaults: ten times what a large repository needs.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of one file of metadata.
    pub metadata: u64,
    /// Bytes of one data bundle. A module is bounded by [`normgate::MAX_MODULE_BYTES`].
    pub data: u64,
    /// Bytes of one file of cases.
    pub cases: u64,
    /// Bytes of all metadata of one repository, and of all files that are taken of it.
    pub altogether: u64,
    /// How long one file may take.
    pub request: Duration,
    /// How long one repository may take altogether.
    pub total: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            metadata: 4 << 20,
            data: 64 << 20,
            cases: 4 << 20,
            altogether: 256 << 20,
            request: Duration::from_secs(30),
            total: Duration::from_secs(300),
        }
    }
}

/// What has been fetched of one repository.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The file that was asked for last, as it is named below the location.
    pub(crate) last: String,
    /// The metadata, by file.
    pub(crate) metadata: BTreeMap<String, Vec<u8>>,
}

/// A transport that bounds and remembers.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    inner: Inner,
    location: Url,
    bounds: Bounds,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Clone, Debug)]
enum Inner {
    Directory(PathBuf),
    Http(Box<HttpTransport>),
}

type Fetched = Result<Bytes, TransportError>;

impl Watched {
    pub(crate) fn new(location: &Url, bounds: Bounds) -> Self {
        let inner = match location.to_file_path() {
            Ok(path) if location.scheme() == "file" => Inner::Directory(path),
            // One try more than none: what fails twice is for the next sync.
            _ => Inner::Http(Box::new(
                HttpTransportBuilder::new().timeout(bounds.request).connect_timeout(bounds.request).tries(2).build(),
            )),
        };
        Self { inner, location: location.clone(), bounds, seen: Arc::default() }
    }

    /// Takes out what was seen so far.
    pub(crate) fn seen(&self) -> Seen {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes the file of which the next sentence will speak.
    fn note(&self, file: &str) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).last = file.to_owned();
    }

    async fn whole(&self, url: &Url, file: &str) -> Fetched {
        let largest = self.bounds.data.max(normgate::MAX_MODULE_BYTES as u64);
        let bound = if file.starts_with("metadata/") { self.bounds.metadata } else { largest };
        let bytes = match &self.inner {
            Inner::Directory(path) => read_below(path, file, bound, url)?,
            Inner::Http(transport) => {
                let mut stream = transport.fetch(url.clone()).await?;
                let mut bytes = Vec::new();
                while let Some(chunk) = stream.next().await {
                    bytes.extend_from_slice(&chunk?);
                    if bytes.len() as u64 > bound {
                        return Err(too_large(url, bound));
                    }
                }
                bytes
            }
        };
        if file.starts_with("metadata/") {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.metadata.insert(file.to_owned(), bytes.clone());
            let all: u64 = seen.metadata.values().map(|bytes| bytes.len() as u64).sum();
            if all > self.bounds.altogether {
                let why = format!("with it, the metadata is larger than {} bytes", self.bounds.altogether);
                return Err(TransportError::new_with_cause(TransportErrorKind::Other, url, why));
            }
        }
        Ok(bytes.into())
    }
}

#[async_trait]
impl Transport for Watched {
    async fn fetch(&self, url: Url) -> Result<Pin<Box<dyn Stream<Item = Fetched> + Send + Sync>>, TransportError> {
        let file = url.as_str().strip_prefix(self.location.as_str()).unwrap_or(url.path()).to_owned();
        if file.starts_with("metadata/") {
            self.note(&file);
            // What fails here fails in the stream: a root that cannot be fetched would pass for one that does not exist.
            return Ok(Box::pin(stream::iter([self.whole(&url, &file).await])));
        }
        match &self.inner {
            Inner::Directory(_) => Ok(Box::pin(stream::iter([self.whole(&url, &file).await]))),
            // A target has a signed length, at which tough stops reading.
            Inner::Http(transport) => transport.fetch(url).await,
        }
    }
}

fn too_large(url: &Url, bound: u64) -> TransportError {
    TransportError::new_with_cause(TransportErrorKind::Other, url, format!("it is larger than {bound} bytes"))
}

/// Reads a regular file below a directory, through whatever links stay below it.
fn read_below(folder: &Path, file: &str, bound: u64, url: &Url) -> Result<Vec<u8>, TransportError> {
    let fail = |error: std::io::Error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => TransportErrorKind::FileNotFound,
            _ => TransportErrorKind::Other,
        };
        TransportError::new_with_cause(kind, url, error)
    };
    let dir = Dir::open_ambient_dir(folder, ambient_authority()).map_err(fail)?;
    // Anything but a file could block, or never end.
    if !dir.metadata(file).map_err(fail)?.is_file() {
        return Err(TransportError::new_with_cause(TransportErrorKind::Other, url, "it is no regular file"));
    }
    let mut bytes = Vec::new();
    let opened = dir.open(file).map_err(fail)?;
    opened.take(bound.saturating_add(1)).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > bound { Err(too_large(url, bound)) } else { Ok(bytes) }
}
