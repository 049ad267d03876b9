//! Small programs about the network: what the DNS says as a qmail program sees it, who this
//! machine is, and tcp-env, which tells a server about its client. One module each, named like its
//! program and its man page.

mod answer;

pub mod dnsfq;
pub mod dnsip;
pub mod dnsmxip;
pub mod dnsptr;
pub mod hostname;
pub mod ipmeprint;
pub mod tcp_env;
