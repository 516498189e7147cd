//! Rules about the project itself: the uses between rooms, forbidden code, habits of language, and
//! references in documents.

mod attributes;
mod cycles;
mod documents;
mod edges;
mod generated;
mod language;
mod messages;
mod names;
mod package;
mod promises;
mod reference;
mod slowness;
mod sources;
mod tree;
