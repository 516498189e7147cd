//! `Authorization: Basic`.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

use super::{Kind, Scheme, Source};
use crate::auth::redact::Redactor;
use crate::auth::{AUTHORIZATION, Access, CredentialsError, secret_header};
use crate::manifest::text::Template;
use crate::settings::CompileError;

/// A user name and a password.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    user: Option<Template>,
    #[serde(default)]
    optional: bool,
}

impl Kind for Basic {
    fn secret(&self) -> Option<&'static str> {
        Some("user:password")
    }

    fn is_optional(&self) -> bool {
        self.optional
    }

    fn templates(&self) -> Vec<(&'static str, &Template)> {
        self.user.iter().map(|user| ("auth.user", user)).collect()
    }

    fn resolve(&self, source: &Source<'_>) -> Result<Arc<dyn Scheme>, CompileError> {
        let user = source.text("auth.user", self.user.as_ref())?;
        Ok(Arc::new(Resolved { user }))
    }
}

#[derive(Debug)]
struct Resolved {
    /// `None` when the secret is `user:password`.
    user: Option<String>,
}

impl Scheme for Resolved {
    fn access(&self, secret: &str, redactor: &Redactor) -> Result<Access, CredentialsError> {
        let (user, password) = match &self.user {
            Some(user) => (user.as_str(), secret),
            None => secret
                .split_once(':')
                .ok_or(CredentialsError::NotUserPassword)?,
        };
        let encoded = BASE64.encode(format!("{user}:{password}"));
        redactor.keep(password);
        redactor.keep(&encoded);
        let header = secret_header(AUTHORIZATION, "Basic ", &encoded)?;
        Ok(Access::Fixed(vec![header]))
    }
}
