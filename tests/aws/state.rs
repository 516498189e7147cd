//! The store on DynamoDB, against an emulator: the contract of every store, also while replies are
//! lost; races; what it costs; and what a table looks like after people and other versions were
//! at it.
#![cfg(test)]

mod claims;
mod clocks;
mod contract;
mod failures;
mod items;
mod lossy;
mod operators;
mod races;
mod resolving;
mod scene;
mod splits;
mod status;
mod ticks;
mod units;
