//! No credentials.

use std::sync::Arc;

use serde::Deserialize;

use super::{Kind, Scheme, Source};
use crate::auth::redact::Redactor;
use crate::auth::{Access, CredentialsError};
use crate::settings::CompileError;

/// An API without credentials; it has no settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {}

impl Kind for Open {
    fn secret(&self) -> Option<&'static str> {
        None
    }

    fn is_optional(&self) -> bool {
        true
    }

    fn resolve(&self, _: &Source<'_>) -> Result<Arc<dyn Scheme>, CompileError> {
        Ok(Arc::new(self.clone()))
    }
}

impl Scheme for Open {
    fn access(&self, _: &str, _: &Redactor) -> Result<Access, CredentialsError> {
        Ok(Access::Fixed(Vec::new()))
    }
}
