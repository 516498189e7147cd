//! The secret in one or more headers.

use std::sync::Arc;

use serde::Deserialize;

use super::{Kind, Scheme, Source};
use crate::auth::redact::Redactor;
use crate::auth::{Access, CredentialsError, json_object, secret_header, text_field};
use crate::manifest::fault::{Fault, fault};
use crate::settings::CompileError;

/// The headers that carry the secret.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    headers: Vec<HeaderSpec>,
    #[serde(default)]
    optional: bool,
}

/// One header that carries the secret.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderSpec {
    name: String,
    /// Prefix of the secret, such as `SSWS `.
    #[serde(default)]
    prefix: String,
    /// The key in a JSON secret, for vendors that need several values; `None` means the whole
    /// secret.
    field: Option<String>,
}

impl Kind for Header {
    fn secret(&self) -> Option<&'static str> {
        Some("a header value")
    }

    fn is_optional(&self) -> bool {
        self.optional
    }

    fn check(&self) -> Result<(), Fault> {
        if self.headers.is_empty() {
            let hint = "add `headers: [{ name: ... }]`";
            return Err(fault("auth", "kind `header` needs `headers`", hint));
        }
        if self.headers.len() > 1 && self.headers.iter().any(|header| header.field.is_none()) {
            let hint = "give each header the `field` of the JSON secret that it takes";
            let problem = "several headers share one secret";
            return Err(fault("auth.headers", problem, hint));
        }
        Ok(())
    }

    fn resolve(&self, _: &Source<'_>) -> Result<Arc<dyn Scheme>, CompileError> {
        Ok(Arc::new(self.clone()))
    }
}

impl Scheme for Header {
    fn access(&self, secret: &str, redactor: &Redactor) -> Result<Access, CredentialsError> {
        let value_of = |spec: &HeaderSpec| match &spec.field {
            None => Ok(secret.to_owned()),
            Some(field) => text_field(&json_object(secret, "one text per header")?, field),
        };
        let headers = self.headers.iter().map(|spec| {
            let value = value_of(spec)?;
            redactor.keep(&value);
            secret_header(&spec.name, &spec.prefix, &value)
        });
        headers.collect::<Result<_, _>>().map(Access::Fixed)
    }
}
