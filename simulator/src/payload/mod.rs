//! The world as JSON, to the byte.
//! REST and the gateway show the same things in different forms; the forms are decided here, and each text is a pure
//! function of the world's state, so that it can be sent, sent again and compared.

pub(crate) mod channel;
pub(crate) mod guild;
pub(crate) mod json;
pub(crate) mod message;
pub(crate) mod style;
