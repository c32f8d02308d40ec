//! The data plane over real sockets: what clients and targets see, byte for byte where it matters.
//! (The modules say `cfg(test)` so that the lints know them for tests.)

#[cfg(test)]
mod admission;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod conditions;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod forwarding;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod framing;
#[cfg(test)]
mod http2;
#[cfg(test)]
mod overload;
#[cfg(test)]
mod probes;
#[cfg(test)]
mod records;
#[cfg(test)]
mod secure;
#[cfg(test)]
mod sequence;
#[cfg(test)]
mod sticky;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod transforms;
