//! Fetching: bounded before anything is parsed, and remembered, so that a refusal can name the file.
//!
//! Directories are read through cap-std, so that no link in a repository leads out of it; other than that and the bounds, how
//! bytes arrive is no part of the trust.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use futures_util::{Stream, StreamExt, stream};
use normgate::private::read_whole;
use reqwest::{Client, Response, StatusCode, redirect};
use serde::Deserialize;
use tough::{Bytes, Transport, TransportError, TransportErrorKind, async_trait};
use url::Url;

use crate::charter::Listed;
use crate::names::Kind;

/// How far below the targets role a role may lie: an association, and the two that it delegates to.
const DEEPEST: usize = 2;

/// What fetching may use. Engineering defaults: ten times what a large repository needs.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of one file of metadata.
    pub metadata: u64,
    /// Bytes of one data bundle. A module is bounded by [`normgate::MAX_MODULE_BYTES`].
    pub data: u64,
    /// Bytes of one file of cases.
    pub cases: u64,
    /// Bytes of all metadata of one repository, and of all files that are taken of one authority.
    pub altogether: u64,
    /// Modules and bundles that are taken of one authority, those included that wait for their day.
    pub files: usize,
    /// Days on which something changes in what is taken of one authority: on each of them everything is built.
    pub days: usize,
    /// How long one file may take.
    pub request: Duration,
    /// How long one repository may take altogether: its metadata, its files, and trying them.
    pub total: Duration,
    /// How long the cases of one module may take.
    pub trial: Duration,
    /// How long repositories that were taken wait for those that are not yet, before what is there is switched to.
    pub patience: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            metadata: 4 << 20,
            data: 64 << 20,
            cases: 4 << 20,
            altogether: 256 << 20,
            files: 64,
            days: 64,
            request: Duration::from_secs(30),
            total: Duration::from_secs(300),
            trial: Duration::from_secs(10),
            patience: Duration::from_secs(20),
        }
    }
}

impl Bounds {
    /// Refuses a file that is larger than one of its kind may be.
    pub(crate) fn hold(&self, listed: &Listed) -> Result<(), String> {
        let bound = match listed.file.kind {
            Kind::Module => normgate::MAX_MODULE_BYTES as u64,
            Kind::Cases => self.cases,
            Kind::Data => self.data,
        };
        if listed.length > bound {
            return Err(format!("it has {} bytes, and at most {bound} are taken", listed.length));
        }
        Ok(())
    }
}

/// What has been fetched of one repository.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The file that was asked for last, as it is named below the location.
    pub(crate) last: String,
    /// The metadata, by file.
    pub(crate) metadata: BTreeMap<String, Vec<u8>>,
    /// How far below the targets role each role lies that was delegated to.
    depths: BTreeMap<String, usize>,
}

/// The part of a role's metadata that says to whom it delegates.
#[derive(Deserialize)]
struct Delegating {
    signed: Signed,
}

#[derive(Deserialize)]
struct Signed {
    delegations: Option<Delegations>,
}

#[derive(Deserialize)]
struct Delegations {
    roles: Vec<Role>,
}

#[derive(Deserialize)]
struct Role {
    name: String,
}

impl Seen {
    /// Notes whom a role delegates to. Nobody may after an association, and tough would follow to any depth, so that this has
    /// to be known before it reads on.
    fn descend(&mut self, file: &str, bytes: &[u8]) -> Result<(), String> {
        let role = role_in(file);
        let depth = match self.depths.get(role) {
            Some(depth) => *depth,
            None if role == "targets" => 0,
            None if ["root", "snapshot", "timestamp"].contains(&role) => return Ok(()),
            None => return Err("it has no name that a role may have".into()),
        };
        // What is no metadata is refused by whoever reads it.
        let Ok(Delegating { signed: Signed { delegations: Some(delegations) } }) = serde_json::from_slice(bytes) else {
            return Ok(());
        };
        if depth >= DEEPEST && !delegations.roles.is_empty() {
            return Err("it delegates further; nobody may after an association".into());
        }
        for Role { name } in delegations.roles {
            self.depths.entry(name).or_insert(depth + 1);
        }
        Ok(())
    }
}

/// A transport that bounds and remembers.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    inner: Inner,
    location: Url,
    bounds: Bounds,
    /// What lies over the files of the place, by name.
    over: Arc<BTreeMap<String, Vec<u8>>>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Clone, Debug)]
enum Inner {
    Directory(PathBuf),
    Http(Web),
}

type Fetched = Result<Bytes, TransportError>;
type Body = Pin<Box<dyn Stream<Item = Fetched> + Send + Sync>>;

impl Watched {
    pub(crate) fn new(location: &Url, bounds: Bounds) -> Result<Self, String> {
        let inner = match location.to_file_path() {
            Ok(path) if location.scheme() == "file" => Inner::Directory(path),
            _ => Inner::Http(Web::new(location, bounds)?),
        };
        Ok(Self { inner, location: location.clone(), bounds, over: Arc::default(), seen: Arc::default() })
    }

    /// The same with other files over those of the place.
    pub(crate) fn over(self, files: BTreeMap<String, Vec<u8>>) -> Self {
        Self { over: Arc::new(files), ..self }
    }

    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
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
        let bytes = match (&self.inner, self.over.get(file)) {
            (_, Some(bytes)) if bytes.len() as u64 > bound => return Err(too_large(url, bound)),
            (_, Some(bytes)) => bytes.clone(),
            (Inner::Directory(path), None) => read_below(path, file, bound, url)?,
            (Inner::Http(web), None) => {
                let mut stream = web.fetch(url).await?;
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
            let other = |why: String| TransportError::new_with_cause(TransportErrorKind::Other, url, why);
            seen.descend(file, &bytes).map_err(other)?;
            seen.metadata.insert(file.to_owned(), bytes.clone());
            let all: u64 = seen.metadata.values().map(|bytes| bytes.len() as u64).sum();
            if all > self.bounds.altogether {
                return Err(other(format!("with it, the metadata is larger than {} bytes", self.bounds.altogether)));
            }
        }
        Ok(bytes.into())
    }
}

#[async_trait]
impl Transport for Watched {
    async fn fetch(&self, url: Url) -> Result<Body, TransportError> {
        let file = url.as_str().strip_prefix(self.location.as_str()).unwrap_or(url.path()).to_owned();
        if file.starts_with("metadata/") {
            self.note(&file);
            // What fails here fails in the stream: a root that cannot be fetched would pass for one that does not exist.
            return Ok(Box::pin(stream::iter([self.whole(&url, &file).await])));
        }
        match &self.inner {
            Inner::Directory(_) => Ok(Box::pin(stream::iter([self.whole(&url, &file).await]))),
            // A target has a signed length, at which tough stops reading.
            Inner::Http(web) => web.fetch(&url).await,
        }
    }
}

/// A web server.
///
/// No redirect is followed: whoever serves a repository would choose what this machine talks to.
#[derive(Clone, Debug)]
struct Web(Client);

impl Web {
    fn new(location: &Url, bounds: Bounds) -> Result<Self, String> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Whoever else sets one in this moment sets as good a one.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let mut client = Client::builder().redirect(redirect::Policy::none());
        // Through a tunnel a proxy sees nothing of https; anything else it could answer itself.
        if location.scheme() != "https" {
            client = client.no_proxy();
        }
        let client = client.timeout(bounds.request).connect_timeout(bounds.request).build();
        client.map(Self).map_err(|error| format!("no web client can be had: {error}"))
    }

    async fn fetch(&self, url: &Url) -> Result<Body, TransportError> {
        // One try more than none: what fails twice is for the next sync.
        let response = match self.ask(url).await {
            Err(error) if error.kind() == TransportErrorKind::Other => self.ask(url).await?,
            answered => answered?,
        };
        let url = url.clone();
        let fail = move |error| TransportError::new_with_cause(TransportErrorKind::Other, &url, error);
        Ok(Box::pin(response.bytes_stream().map(move |chunk| chunk.map_err(&fail))))
    }

    async fn ask(&self, url: &Url) -> Result<Response, TransportError> {
        let other = |error| TransportError::new_with_cause(TransportErrorKind::Other, url, error);
        let response = self.0.get(url.clone()).send().await.map_err(other)?;
        let status = response.status();
        if status.is_redirection() {
            let code = status.as_u16();
            let why =
                format!("the server redirects ({code}), and no redirect is followed; give its new place as `location`");
            return Err(TransportError::new_with_cause(TransportErrorKind::Other, url, why));
        }
        // Some servers forbid what is not there.
        let missing = [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND, StatusCode::GONE].contains(&status);
        response.error_for_status().map_err(|error| match missing {
            true => TransportError::new_with_cause(TransportErrorKind::FileNotFound, url, error),
            false => other(error),
        })
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
    let mut options = OpenOptions::new();
    options.read(true);
    // Opening a pipe would wait for a writer.
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::custom_flags(&mut options, rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let opened = dir.open_with(file, &options).map_err(fail)?;
    read_whole(opened.into_std(), bound).map_err(fail)
}

/// The role whose metadata a path holds: `metadata/3.film-club.json` that of `film-club`.
pub(crate) fn role_in(path: &str) -> &str {
    let name = path.trim_start_matches("metadata/").trim_end_matches(".json");
    name.split_once('.').map_or(name, |(_, role)| role)
}

#[cfg(test)]
mod tests {
    use super::Seen;

    #[test]
    fn nobody_is_followed_further_than_an_association_delegates() {
        let to = |names: &[&str]| {
            let roles: Vec<_> = names.iter().map(|name| serde_json::json!({"name": name})).collect();
            serde_json::json!({"signed": {"delegations": {"keys": {}, "roles": roles}}}).to_string()
        };
        let mut seen = Seen::default();
        let mut read = |file: &str, text: &str| seen.descend(file, text.as_bytes());
        assert_eq!(read("metadata/2.root.json", &to(&[])), Ok(()));
        assert_eq!(read("metadata/2.targets.json", &to(&["club", "other", "a b"])), Ok(()));
        assert_eq!(read("metadata/2.club.json", &to(&["club-modules", "club"])), Ok(()));
        let further = Err("it delegates further; nobody may after an association".to_owned());
        assert_eq!(read("metadata/2.club-modules.json", &to(&["deeper"])), further);
        assert_eq!(read("metadata/2.club-modules.json", &to(&[])), Ok(()));
        // A name that is written in another way in the file's would never be found again.
        for file in ["metadata/2.a%20b.json", "metadata/2.deeper.json"] {
            assert_eq!(read(file, &to(&["x"])), Err("it has no name that a role may have".to_owned()), "{file}");
        }
    }
}
