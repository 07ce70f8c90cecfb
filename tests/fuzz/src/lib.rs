//! One function for each fuzz target. Each takes any octets, and panics when something that must hold does not.
//!
//! | target | what it attacks | what must hold |
//! |---|---|---|
//! | `header` | [`mm4::read`] and every method of [`mm4::Pdu`] | an unedited message leaves as it came; the relay's own edits change their own fields only |
//! | `values` | dates, expiry and value lists | nothing expires before it says; what is written reads back |
//! | `addresses` | addresses and lists of them | parts are parts; an edit touches no other octet |
//! | `mime` | the MIME index, decoding, edits, 7bit | blocks are the message; what was edited reads back |
//! | `notification` | [`mm4::delivery_status`] | limits hold |
//! | `compose` | responses, reports and bounces | lines are legal, and read back as what they were told |
//! | `smtp` | command lines and replies | splits make no difference |
//! | `proxy` | the header of the PROXY protocol, and logins | no octet of the client's is read with it; an end is reached |
//! | `data` | the message behind DATA, and its dots | splits make no difference; what is stuffed reads back |

#[path = "../../../host/src/message/mod.rs"]
pub mod message;
#[path = "../../../host/src/protocol/mod.rs"]
pub mod protocol;

mod codec;
mod session;

pub use codec::{addresses, compose, header, mime, notification, read, values};
pub use session::{data, proxy, smtp};
