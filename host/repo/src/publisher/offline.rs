//! Signing where there is no network: what is staged is carried away on a disk, signed there, and carried back.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tough::schema::key::Key;
use tough::schema::{Role, Root, Signed, Targets};

use super::publish::Progress;
use super::shown::{Says, Shown, hold_known};
use super::{Publisher, Signers, read, to_json, write};
use crate::digest::hex;
use crate::error::{Place, Result, at};
use crate::keys::{Keyring, signers};

/// A staged role on its way: with the keys whose signatures it needs, since the machine that signs knows no repository.
#[derive(Serialize, Deserialize)]
struct Carried<T> {
    role: String,
    signers: Vec<Needed>,
    metadata: Signed<T>,
}

/// Keys of which some must sign.
#[derive(Serialize, Deserialize)]
struct Needed {
    threshold: u64,
    keys: Vec<Key>,
}

impl Needed {
    fn of(signers: Signers) -> Self {
        Self { threshold: signers.threshold, keys: signers.keys.into_iter().map(|(_, key)| key).collect() }
    }

    fn signers(&self, place: &Path) -> Result<Signers> {
        let named = |key: &Key| Ok((key.key_id().place(place.display())?, key.clone()));
        Ok(Signers { threshold: self.threshold, keys: self.keys.iter().map(named).collect::<Result<_>>()? })
    }
}

impl Publisher {
    /// Copies everything that is staged into a folder. Says what: the digests are told to the signers by another way.
    ///
    /// # Errors
    /// When nothing is staged, or the folder cannot be written.
    pub fn export(&self, folder: &Path) -> Result<Vec<Shown>> {
        let roles = self.staged_roles()?;
        if roles.is_empty() {
            return Err(at(self.path.display(), "nothing is staged, so there is nothing to sign"));
        }
        for role in &roles {
            let bytes = match role.as_str() {
                "root" => self.carried::<Root>(role)?,
                _ => self.carried::<Targets>(role)?,
            };
            write(&place_of(folder, role), &bytes)?;
        }
        roles.iter().map(|role| self.shown(role)).collect()
    }

    fn carried<T: Serialize + DeserializeOwned>(&self, role: &str) -> Result<Vec<u8>> {
        let path = self.staged_path(role);
        let metadata = read::<Signed<T>>(&path)?.ok_or_else(|| at(path.display(), "it is not staged any more"))?;
        let signers = self.all_signers(role)?.into_iter().map(Needed::of).collect();
        to_json(&Carried { role: role.to_owned(), signers, metadata })
    }

    /// Takes the signatures of a folder over: of each role that is still staged as it was carried away, those by its keys. Says how
    /// many were new.
    ///
    /// # Errors
    /// When a role was changed here since, or there.
    pub fn import(&self, folder: &Path) -> Result<usize> {
        let mut added = 0;
        for role in self.staged_roles()? {
            let place = place_of(folder, &role);
            added +=
                if role == "root" { self.take::<Root>(&role, &place)? } else { self.take::<Targets>(&role, &place)? };
        }
        Ok(added)
    }

    fn take<T>(&self, role: &str, place: &Path) -> Result<usize>
    where
        T: Role + Serialize + DeserializeOwned,
    {
        let (Some(mut staged), Some(Carried { metadata, .. })) =
            (read::<Signed<T>>(&self.staged_path(role))?, read::<Carried<T>>(place)?)
        else {
            return Ok(0);
        };
        if to_json(&staged.signed)? != to_json(&metadata.signed)? {
            return Err(at(
                place.display(),
                format!("it is not what is staged for {role} now; export and sign it again"),
            ));
        }
        let by: Vec<_> = self.all_signers(role)?.into_iter().flat_map(|by| by.keys).collect();
        let valid = signers(&metadata, &by);
        let before = staged.signatures.len();
        for signature in metadata.signatures.iter().filter(|signature| valid.contains(&&signature.keyid)) {
            if staged.signatures.iter().all(|known| known.keyid != signature.keyid) {
                staged.signatures.push(signature.clone());
            }
        }
        self.stage(role, &staged)?;
        Ok(staged.signatures.len() - before)
    }
}

fn place_of(folder: &Path, role: &str) -> PathBuf {
    folder.join(format!("{role}.json"))
}

/// What the exported roles of a folder say.
///
/// # Errors
/// When the folder holds none, or a file that is none.
pub fn exported(folder: &Path) -> Result<Vec<Shown>> {
    let entries =
        fs::read_dir(folder).place(folder.display())?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut roles: Vec<String> = entries.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect();
    roles.sort();
    if roles.is_empty() {
        return Err(at(folder.display(), "no exported role is here; export with `normgate repo sign --export`"));
    }
    let show = |role: &String| match role.as_str() {
        "root" => Ok(open::<Root>(folder, role)?.0.shown),
        _ => Ok(open::<Targets>(folder, role)?.0.shown),
    };
    roles.iter().map(show).collect()
}

/// Signs one exported role with the keys at hand, if it is what the signer was told of: the digest, which reached them by another
/// way than the folder.
///
/// # Errors
/// When it is something else, or a key is not among those that the role names.
pub fn sign_exported(folder: &Path, role: &str, sha256: &str, keys: &Keyring) -> Result<Progress> {
    match role {
        "root" => sign::<Root>(folder, role, sha256, keys),
        _ => sign::<Targets>(folder, role, sha256, keys),
    }
}

/// An exported role as it was read.
struct Opened {
    shown: Shown,
    signers: Vec<Signers>,
}

fn open<T>(folder: &Path, role: &str) -> Result<(Opened, Carried<T>)>
where
    T: Role + Says + DeserializeOwned,
{
    let path = place_of(folder, role);
    let none = |why: &str| at(path.display(), format!("{why}; export with `normgate repo sign --export`"));
    let carried: Carried<T> = match read(&path) {
        Ok(found) => found.ok_or_else(|| none("no exported role is here"))?,
        Err(error) => return Err(none(&format!("no exported role ({error})"))),
    };
    if carried.role != role {
        return Err(none(&format!("it holds the role {}", carried.role)));
    }
    let signers = carried.signers.iter().map(|needed| needed.signers(&path)).collect::<Result<Vec<_>>>()?;
    Ok((Opened { shown: Shown::of(role, &carried.metadata.signed, &signers)?, signers }, carried))
}

fn sign<T>(folder: &Path, role: &str, sha256: &str, keys: &Keyring) -> Result<Progress>
where
    T: Role + Says + Serialize + DeserializeOwned,
{
    let (Opened { shown, signers: by }, mut carried) = open::<T>(folder, role)?;
    let place = place_of(folder, role);
    if shown.sha256 != sha256 {
        return Err(at(
            place.display(),
            format!("its sha256 is {}, and not the one that you were told; nothing is signed", shown.sha256),
        ));
    }
    let ids: Vec<_> = by.iter().flat_map(Signers::ids).collect();
    if let Some(stranger) = keys.ids().find(|id| !ids.contains(id)) {
        return Err(at(
            place.display(),
            format!("the key {} is none of the role {role}; nothing is signed", hex(stranger)),
        ));
    }
    hold_known(role, &carried.metadata.signed)?;
    keys.sign(&mut carried.metadata, &ids)?;
    write(&place, &to_json(&carried)?)?;
    Ok(Progress::of(role, &carried.metadata, &by))
}
