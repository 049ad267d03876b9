//! A certificate chain and its private key, in one file or two, and who else may read them.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use crate::error::IdentityError;

/// Reads the chain in `certificate`, the end-entity first, and the key in `key`, or in `certificate` when there is
/// no such file. Nothing without a certificate file: then there is no identity.
///
/// The key lives on behind `SigningKey`, a trait object: it can move to another process without a change here.
pub(crate) fn read(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<Option<CertifiedKey>, IdentityError> {
    let Some(chain_file) = Pem::open(certificate)? else {
        return Ok(None);
    };
    let chain = chain_file.chain()?;
    let key_file = if key == certificate {
        None
    } else {
        Pem::open(key)?
    };
    let (owner, key) = match &key_file {
        Some(file) => {
            // A key nobody uses is still a key.
            let _unused = chain_file.key()?;
            (file, file.key()?)
        }
        None => (&chain_file, chain_file.key()?),
    };
    let key = key.ok_or_else(|| IdentityError::NoKey {
        path: owner.path.to_path_buf(),
    })?;
    let bad_key = |reason| IdentityError::BadKey {
        path: owner.path.to_path_buf(),
        reason,
    };
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(bad_key)?;
    let identity = CertifiedKey::new(chain, key);
    match identity.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(Some(identity)),
        Err(Error::InconsistentKeys(_)) => Err(IdentityError::Mismatch {
            certificate: certificate.to_path_buf(),
            key: owner.path.to_path_buf(),
        }),
        Err(reason) => Err(IdentityError::BadCertificate {
            path: certificate.to_path_buf(),
            reason,
        }),
    }
}

/// A file that may hold secrets.
struct Pem<'a> {
    path: &'a Path,
    metadata: Metadata,
    content: Vec<u8>,
}

impl<'a> Pem<'a> {
    fn open(path: &'a Path) -> Result<Option<Self>, IdentityError> {
        let failed = |source: io::Error| {
            let path = path.to_path_buf();
            if source.kind() == io::ErrorKind::PermissionDenied {
                IdentityError::NotForUs { path, source }
            } else {
                IdentityError::Read { path, source }
            }
        };
        // A fifo in the place of the file must not hold us up.
        let file = match os::file::open_read(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(failed(io::ErrorKind::InvalidInput.into()));
        }
        Ok(Some(Self {
            path,
            metadata,
            content: read_all(&file).map_err(failed)?,
        }))
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
        let chain: Vec<_> = certificates(&self.content).collect();
        if chain.is_empty() {
            return Err(IdentityError::NoCertificate {
                path: self.path.to_path_buf(),
            });
        }
        Ok(chain)
    }

    /// The first key in the file, if there is one; it must be secret.
    fn key(&self) -> Result<Option<PrivateKeyDer<'static>>, IdentityError> {
        let Ok(key) = PrivateKeyDer::from_pem_slice(&self.content) else {
            return Ok(None);
        };
        if self.metadata.mode() & FOR_OTHERS != 0 {
            return Err(IdentityError::OpenToAll {
                path: self.path.to_path_buf(),
            });
        }
        if self.metadata.mode() & FOR_GROUP != 0 && !self.is_group_fit() {
            return Err(IdentityError::OpenToGroup {
                path: self.path.to_path_buf(),
            });
        }
        Ok(Some(key))
    }

    /// The group may read: root's, the one we run with, or the one that the directory was given.
    fn is_group_fit(&self) -> bool {
        let gid = self.metadata.gid();
        let directory = self.path.parent().map(std::fs::metadata);
        gid == 0
            || gid == os::account::gid()
            || directory.is_some_and(|found| found.is_ok_and(|found| found.gid() == gid))
    }
}

/// Every certificate in a PEM file; other sections and damaged ones are passed over.
pub(crate) fn certificates(content: &[u8]) -> impl Iterator<Item = CertificateDer<'static>> + '_ {
    CertificateDer::pem_slice_iter(content).filter_map(Result::ok)
}

/// All of a file that is not too large.
pub(crate) fn read_all(file: &File) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.take(PEM_BYTES_MAX + 1).read_to_end(&mut content)?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > PEM_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(content)
}

const FOR_OTHERS: u32 = 0o007;
const FOR_GROUP: u32 = 0o070;

/// The authorities that a system trusts are about 250 KiB; a chain with its key is below 20.
const PEM_BYTES_MAX: u64 = 4 << 20;
