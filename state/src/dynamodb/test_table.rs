//! Creation of a table, for tests on an emulator. A deployment's table comes from its template,
//! with backups and encryption.

use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};

use super::DynamoStore;
use super::attributes::{PK, SK};
use crate::error::StateError;

impl DynamoStore {
    /// Creates the table of this store, on demand, on an emulator, where it exists at once. Without
    /// time to live: tests have clocks of their own, and an emulator would delete done windows by
    /// the real one in the middle of a test.
    ///
    /// # Errors
    /// [`StateError::Refused`] with the reason if it cannot be created.
    pub async fn create_table(&self) -> Result<(), StateError> {
        let client = &self.table.client;
        let name = &self.table.name;
        let attribute = |name: &str| {
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()
        };
        let part = |name: &str, kind| {
            KeySchemaElement::builder()
                .attribute_name(name)
                .key_type(kind)
                .build()
        };
        client
            .create_table()
            .table_name(name)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute(PK).map_err(refused)?)
            .attribute_definitions(attribute(SK).map_err(refused)?)
            .key_schema(part(PK, KeyType::Hash).map_err(refused)?)
            .key_schema(part(SK, KeyType::Range).map_err(refused)?)
            .send()
            .await
            .map_err(refused)?;
        Ok(())
    }
}

fn refused(error: impl std::error::Error) -> StateError {
    StateError::Refused(format!("no table made: {}", DisplayErrorContext(error)))
}
