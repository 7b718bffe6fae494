//! Signing where there is no network: what is staged is carried away on a disk, signed there, and carried back.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tough::schema::{Root, Signed, Targets};

use super::{Publisher, read, to_json, write};
use crate::error::{Place, Result, at};
use crate::keys::Keyring;

impl Publisher {
    /// Copies everything that is staged into a folder. Says which roles.
    ///
    /// # Errors
    /// When nothing is staged, or the folder cannot be written.
    pub fn export(&self, folder: &Path) -> Result<Vec<String>> {
        let roles = self.staged_roles()?;
        if roles.is_empty() {
            return Err(at(self.path.display(), "nothing is staged, so there is nothing to sign"));
        }
        for role in &roles {
            let path = self.staged_path(role);
            let bytes = fs::read(&path).place(path.display())?;
            write(&folder.join(format!("{role}.json")), &bytes)?;
        }
        Ok(roles)
    }

    /// Takes the signatures of a folder over: of each role that is still staged as it was carried away. Says how many were new.
    ///
    /// # Errors
    /// When a role was changed here since, or there.
    pub fn import(&self, folder: &Path) -> Result<usize> {
        let mut added = 0;
        for role in self.staged_roles()? {
            let place = folder.join(format!("{role}.json"));
            added +=
                if role == "root" { self.take::<Root>(&role, &place)? } else { self.take::<Targets>(&role, &place)? };
        }
        Ok(added)
    }

    fn take<T>(&self, role: &str, place: &Path) -> Result<usize>
    where
        T: serde::Serialize + serde::de::DeserializeOwned,
    {
        let (Some(mut staged), Some(signed)) = (read::<Signed<T>>(&self.staged_path(role))?, read::<Signed<T>>(place)?)
        else {
            return Ok(0);
        };
        if to_json(&staged.signed)? != to_json(&signed.signed)? {
            return Err(at(
                place.display(),
                format!("it is not what is staged for {role} now; export and sign it again"),
            ));
        }
        // Only presence is looked at here: whether a signature is valid is counted whenever it matters.
        let before = staged.signatures.len();
        for signature in signed.signatures {
            if staged.signatures.iter().all(|known| known.keyid != signature.keyid) {
                staged.signatures.push(signature);
            }
        }
        self.stage(role, &staged)?;
        Ok(staged.signatures.len() - before)
    }
}

/// Signs every exported role in a folder with the keys at hand, whoever's roles they are: this machine knows no repository. Says
/// what was signed, for a person to compare with what they were told.
///
/// # Errors
/// When the folder holds no exported role.
pub fn sign_exported(folder: &Path, keys: &Keyring) -> Result<Vec<String>> {
    let mut said = Vec::new();
    let mut files: Vec<_> = fs::read_dir(folder)
        .place(folder.display())?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    for path in files {
        let document: Value = read(&path)?.unwrap_or_default();
        let signed = &document["signed"];
        let role = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let added = match signed["_type"].as_str() {
            Some("root") => sign::<Root>(&path, keys)?,
            Some("targets") => sign::<Targets>(&path, keys)?,
            _ => return Err(at(path.display(), "no exported role; export with `normgate repo sign --export`")),
        };
        let files = signed["targets"].as_object().map_or(0, serde_json::Map::len);
        said.push(format!("{role} version {}, {files} files: {added} signatures added", signed["version"]));
    }
    if said.is_empty() {
        return Err(at(folder.display(), "no exported role is here; export with `normgate repo sign --export`"));
    }
    Ok(said)
}

fn sign<T>(path: &Path, keys: &Keyring) -> Result<usize>
where
    T: tough::schema::Role + serde::Serialize + serde::de::DeserializeOwned,
{
    let Some(mut document) = read::<Signed<T>>(path)? else { return Ok(0) };
    let added = keys.sign_anyway(&mut document)?;
    write(path, &to_json(&document)?)?;
    Ok(added)
}
