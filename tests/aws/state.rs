//! The store on DynamoDB, against an emulator: the contract of every store, also with lost
//! responses; races; costs; and tables that people and other versions have changed.
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
