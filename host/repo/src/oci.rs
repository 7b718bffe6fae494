//! A mirror in an OCI registry: a module's bytes by digest, for those who have a registry already.
//!
//! A mirror is not trusted. What is pulled has the digest that was asked for; whose it is, only a signed repository says.

use std::net::IpAddr;
use std::str::FromStr;

use futures_util::StreamExt;
use jiff::Timestamp;
use normgate::MAX_MODULE_BYTES;
use normgate::contract::hex;
use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use serde_json::json;
use sha2::{Digest, Sha256};
use wasmparser::{Encoding, Parser, Payload};

use crate::error::{Place, Result, at};

// The names of the CNCF's guidance for Wasm artifacts in OCI registries.
const LAYER: &str = "application/wasm";
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const COMPONENT_OS: &str = "wasip2";

/// Whom the registry takes us for.
#[derive(Clone, Default)]
pub enum Login {
    /// Nobody.
    #[default]
    Anonymous,
    /// A user with a password or token.
    User(String, String),
}

/// A place in a registry, written `oci://registry/name:tag` or `oci://registry/name@sha256:…`.
#[derive(Clone, Debug)]
pub struct Location {
    text: String,
    reference: Reference,
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let legal = "write oci://registry/name:tag, or @sha256:… in place of the tag";
        let rest = text.strip_prefix("oci://").ok_or_else(|| format!("`{text}` is no place in a registry; {legal}"))?;
        let reference =
            rest.parse().map_err(|error| format!("`{text}` is no place in a registry ({error}); {legal}"))?;
        Ok(Self { text: text.to_owned(), reference })
    }
}

/// Pushes a module. Says the place by digest.
///
/// # Errors
/// When it is no component, or the registry does not take it.
pub fn push(place: &Location, bytes: &[u8], login: &Login) -> Result<String> {
    let config = config_of(place, bytes)?;
    let layer = ImageLayer::new(bytes.to_vec(), LAYER.to_owned(), None);
    let mut manifest = OciImageManifest::build(std::slice::from_ref(&layer), &config, None);
    manifest.media_type = Some(OCI_IMAGE_MEDIA_TYPE.to_owned());
    let client = client(place);
    run(async {
        let pushed =
            client.push(&place.reference, &[layer], config, &auth(login), Some(manifest)).await.place(&place.text)?;
        let digest = pushed.manifest_url.rsplit('/').next().filter(|digest| digest.starts_with("sha256:"));
        let digest = match digest {
            Some(digest) => digest.to_owned(),
            None => client.fetch_manifest_digest(&place.reference, &auth(login)).await.place(&place.text)?,
        };
        Ok(format!("oci://{}", place.reference.clone_with_digest(digest).whole()))
    })
}

/// Pulls a module by digest.
///
/// # Errors
/// When the place names a tag, which can be moved; or the registry has no such module, or another than its digest says.
pub fn pull(place: &Location, login: &Login) -> Result<Vec<u8>> {
    if place.reference.digest().is_none() {
        return Err(at(
            &place.text,
            "a tag can be moved to another module; name the digest that `normgate push` printed (@sha256:…)",
        ));
    }
    let client = client(place);
    run(async {
        let (manifest, _) = client.pull_image_manifest(&place.reference, &auth(login)).await.place(&place.text)?;
        let [layer] = &manifest.layers[..] else {
            return Err(at(&place.text, format!("it has {} layers, and a module has one", manifest.layers.len())));
        };
        if layer.media_type != LAYER {
            return Err(at(&place.text, format!("it holds {}, and a module is {LAYER}", layer.media_type)));
        }
        let mut stream = client.pull_blob_stream(&place.reference, layer).await.place(&place.text)?.stream;
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.next().await {
            bytes.extend_from_slice(&chunk.place(&place.text)?);
            if bytes.len() > MAX_MODULE_BYTES {
                return Err(at(
                    &place.text,
                    format!("it is larger than {MAX_MODULE_BYTES} bytes, and no module may be"),
                ));
            }
        }
        Ok(bytes)
    })
}

/// Describes a component as the guidance asks: the worlds that it imports and exports, and the digest of its one layer.
fn config_of(place: &Location, bytes: &[u8]) -> Result<Config> {
    let (mut imports, mut exports, mut depth) = (Vec::new(), Vec::new(), 0);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.place(&place.text)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(at(&place.text, "this is a core module: `normgate build` makes a component of it"));
            }
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    imports.push(import.place(&place.text)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    exports.push(export.place(&place.text)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    let config = json!({
        "created": Timestamp::now().to_string(), "architecture": "wasm", "os": COMPONENT_OS,
        "layerDigests": [format!("sha256:{}", hex(&Sha256::digest(bytes)))],
        "component": { "exports": exports, "imports": imports },
    });
    Ok(Config::new(config.to_string(), CONFIG.to_owned(), None))
}

fn client(place: &Location) -> Client {
    // A registry on this machine seldom has a certificate.
    let registry = place.reference.registry();
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let protocol = if local { ClientProtocol::Http } else { ClientProtocol::Https };
    Client::new(ClientConfig { protocol, ..ClientConfig::default() })
}

fn auth(login: &Login) -> RegistryAuth {
    match login {
        Login::Anonymous => RegistryAuth::Anonymous,
        Login::User(user, password) => RegistryAuth::Basic(user.clone(), password.clone()),
    }
}

fn run<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| at("registry", error))?.block_on(work)
}
