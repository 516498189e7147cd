//! Why a secret cannot be had, and what to do about it.

use std::io;

use windlass_core::limits;

use super::SecretRef;

/// A secret that cannot be had. Names the reference, never what it points at.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The text is no reference. It may be a secret that was pasted in, so it is not repeated.
    #[error(
        "not a reference to a secret; write `env:NAME`, `file:PATH`, `secretsmanager:NAME` or \
         `ssm:NAME`, never the secret itself"
    )]
    Malformed,
    /// The place is known and not available here.
    #[error("`{0}:` secrets are not in this build; use `env:NAME` or `file:PATH`")]
    Unavailable(&'static str),
    /// Nothing is there.
    #[error("`{0}` is not set; set the environment variable and start again")]
    Missing(SecretRef),
    /// The file cannot be read.
    #[error("`{reference}` cannot be read: {source}")]
    Unreadable {
        /// Which.
        reference: SecretRef,
        /// Why.
        source: io::Error,
    },
    /// Reading from anything but a regular file can block for ever.
    #[error("`{reference}` is {kind} and not a regular file; put the secret into a regular file")]
    NotAFile {
        /// Which.
        reference: SecretRef,
        /// `a FIFO`, `a directory`, ...
        kind: &'static str,
    },
    /// It is there and empty.
    #[error("`{0}` is empty")]
    Empty(SecretRef),
    /// It is longer than [`limits::FILE_BYTES_MAX`].
    #[error("`{0}` is longer than {max} bytes; this is not a secret", max = limits::FILE_BYTES_MAX)]
    TooLarge(SecretRef),
    /// It is not UTF-8, or AWS holds it as binary.
    #[error("`{0}` is not UTF-8 text")]
    NotText(SecretRef),
    /// One field of it is asked for, and it has none.
    #[error("`{0}`: the secret is not a JSON object; store one, or take `#` and the field away")]
    NotJson(SecretRef),
    /// One field of it is asked for, and there is no text under it.
    #[error("`{0}`: the secret's JSON has no text under that field; add it")]
    NoField(SecretRef),
    /// AWS has nothing by that name.
    #[error("`{reference}` does not exist in {region}; check name and region, or create it")]
    NotFound {
        /// Which.
        reference: SecretRef,
        /// The region that was asked.
        region: String,
    },
    /// A permission is missing.
    #[error("`{reference}`: access denied in {region}; allow {action} on {resource}")]
    Denied {
        /// Which.
        reference: SecretRef,
        /// The region that was asked.
        region: String,
        /// The missing permission, as a policy writes it.
        action: &'static str,
        /// On what it is missing.
        resource: String,
    },
    /// This process is not who AWS lets in: its own credentials are missing, wrong or run out.
    /// Nothing is wrong with the source, and a new process may have new ones.
    #[error(
        "`{reference}`: the AWS credentials of this process do not work ({problem}); renew them"
    )]
    Credentials {
        /// Which.
        reference: SecretRef,
        /// AWS's word for it.
        problem: String,
    },
    /// AWS is unwell, asks to slow down or cannot be reached; a file's disk does not respond.
    #[error("`{reference}` cannot be read for now: {problem}")]
    Outage {
        /// Which.
        reference: SecretRef,
        /// What happened.
        problem: String,
    },
    /// AWS refuses for another reason: a secret that is to be deleted, a key that is disabled.
    #[error("`{reference}` is refused in {region}: {problem}")]
    Refused {
        /// Which.
        reference: SecretRef,
        /// The region that was asked.
        region: String,
        /// AWS's code and message.
        problem: String,
    },
}

impl SecretError {
    /// Whether the same reference may be readable later without anybody changing it: then a source
    /// waits, and is not blocked.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Outage { .. } | Self::Credentials { .. })
    }

    /// Whether AWS refuses the reference: often for a moment, while a policy or a new secret takes
    /// effect, so that a source waits for some minutes before it is blocked.
    pub fn is_denied(&self) -> bool {
        matches!(
            self,
            Self::Denied { .. } | Self::NotFound { .. } | Self::Refused { .. }
        )
    }
}
