//! `Authorization: Bearer <secret>`.

use std::sync::Arc;

use serde::Deserialize;

use super::{Kind, Scheme, Source};
use crate::auth::redact::Redactor;
use crate::auth::{AUTHORIZATION, Access, CredentialsError, secret_header};
use crate::settings::CompileError;

/// A bearer token that does not expire.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bearer {
    #[serde(default)]
    optional: bool,
}

impl Kind for Bearer {
    fn secret(&self) -> Option<&'static str> {
        Some("a bearer token")
    }

    fn is_optional(&self) -> bool {
        self.optional
    }

    fn resolve(&self, _: &Source<'_>) -> Result<Arc<dyn Scheme>, CompileError> {
        Ok(Arc::new(self.clone()))
    }
}

impl Scheme for Bearer {
    fn access(&self, secret: &str, redactor: &Redactor) -> Result<Access, CredentialsError> {
        redactor.keep(secret);
        let header = secret_header(AUTHORIZATION, "Bearer ", secret)?;
        Ok(Access::Fixed(vec![header]))
    }
}
