//! Merkle trees as RFC 6962 has them: the right edge of a growing one, proofs over one, and their checks by the steps of RFC 9162.

use sha2::{Digest, Sha256};

/// A node of a tree.
pub(crate) type Hash = [u8; 32];

/// The hash of a leaf.
pub(crate) fn leaf(bytes: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(bytes).finalize().into()
}

fn parent(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The right edge of a tree: the roots of its full subtrees, largest first. All that is needed to append, and to say the root;
/// a log of millions of frames takes a kilobyte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) size: u64,
    pub(crate) nodes: Vec<Hash>,
}

impl Edge {
    /// Appends the hash of a leaf.
    pub(crate) fn push(&mut self, leaf: Hash) {
        let mut node = leaf;
        // Every full subtree of the same height is joined, as in counting one up.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.nodes.pop() {
                node = parent(&left, &node);
            }
        }
        self.nodes.push(node);
        self.size += 1;
    }

    /// The root of the tree.
    pub(crate) fn root(&self) -> Hash {
        let mut nodes = self.nodes.iter().rev();
        match nodes.next() {
            Some(last) => nodes.fold(*last, |right, left| parent(left, &right)),
            None => Sha256::digest([]).into(),
        }
    }
}

/// The largest power of two below a size of two or more: where RFC 6962 splits a tree.
fn split(size: usize) -> usize {
    1 << (size - 1).ilog2()
}

fn root(leaves: &[Hash]) -> Hash {
    let mut edge = Edge::default();
    leaves.iter().for_each(|leaf| edge.push(*leaf));
    edge.root()
}

/// The proof that a leaf is in the tree over these leaves: from the leaf up, the nodes beside the way (RFC 6962, 2.1.1).
pub(crate) fn inclusion(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut proof, beside) = match index.checked_sub(left.len()) {
        None => (inclusion(index, left), right),
        Some(index) => (inclusion(index, right), left),
    };
    proof.push(root(beside));
    proof
}

/// Whether a proof shows that a leaf is in a tree with this root (RFC 9162, 2.1.3.2).
pub(crate) fn is_included(index: u64, size: u64, leaf: Hash, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut node) = (index, size - 1, leaf);
    for beside in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            node = parent(beside, &node);
            if at & 1 == 0 {
                let up = at.trailing_zeros().min(63);
                (at, last) = (at >> up, last >> up);
            }
        } else {
            node = parent(&node, beside);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && node == *root
}

/// The proof that the tree over the first `size` leaves is the beginning of the tree over all (RFC 6962, 2.1.2). `size` is at
/// least 1 and at most the number of leaves.
pub(crate) fn consistency(size: usize, leaves: &[Hash]) -> Vec<Hash> {
    subproof(size, leaves, true)
}

fn subproof(size: usize, leaves: &[Hash], known: bool) -> Vec<Hash> {
    if size == leaves.len() {
        return if known { Vec::new() } else { vec![root(leaves)] };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut proof, beside) = match size.checked_sub(left.len()).filter(|size| *size > 0) {
        None => (subproof(size, left, known), right),
        Some(size) => (subproof(size, right, false), left),
    };
    proof.push(root(beside));
    proof
}

/// Whether a proof shows that a tree is the beginning of another; each is given by its size and root (RFC 9162, 2.1.4.2).
pub(crate) fn is_consistent(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == 0 || old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    // A full tree is its own first node.
    let whole = old_size.is_power_of_two().then_some(*old_root);
    let mut nodes = whole.into_iter().chain(proof.iter().copied());
    let Some(first) = nodes.next() else { return false };
    let up = (old_size - 1).trailing_ones();
    let (mut at, mut last) = ((old_size - 1) >> up, (new_size - 1) >> up);
    let (mut older, mut newer) = (first, first);
    for beside in nodes {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            (older, newer) = (parent(&beside, &older), parent(&beside, &newer));
            if at & 1 == 0 {
                let up = at.trailing_zeros().min(63);
                (at, last) = (at >> up, last >> up);
            }
        } else {
            newer = parent(&newer, &beside);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && older == *old_root && newer == *new_root
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use normgate::contract::hex;

    use super::*;

    /// The leaves that implementations of Certificate Transparency test with.
    const LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];

    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let root = |size: usize| hex(&root(&LEAVES.map(leaf)[..size]));
        assert_eq!(root(0), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(root(1), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        assert_eq!(root(7), "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c");
        assert_eq!(root(8), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    }

    #[test]
    fn every_proof_holds_and_no_other_does() {
        let leaves: Vec<Hash> = (0..33u8).map(|number| leaf(&[number])).collect();
        for size in 1..=leaves.len() {
            let root = root(&leaves[..size]);
            for index in 0..size {
                let proof = inclusion(index, &leaves[..size]);
                let holds =
                    |index: usize, leaf, proof: &[Hash]| is_included(index as u64, size as u64, leaf, proof, &root);
                assert!(holds(index, leaves[index], &proof), "{index} of {size}");
                assert!(!holds(index, leaf(b"another"), &proof));
                assert!(size == 1 || !holds((index + 1) % size, leaves[index], &proof));
                assert!(!holds(index, leaves[index], &[&proof[..], &[root]].concat()));
                assert!(proof.is_empty() || !holds(index, leaves[index], &proof[1..]));
            }
            for old in 1..=size {
                let old_root = super::root(&leaves[..old]);
                let proof = consistency(old, &leaves[..size]);
                let holds = |old_root: &Hash, proof: &[Hash]| {
                    is_consistent((old as u64, old_root), (size as u64, &root), proof)
                };
                assert!(holds(&old_root, &proof), "{old} of {size}");
                assert!(!holds(&leaf(b"another"), &proof));
                assert!(!holds(&old_root, &[&proof[..], &[root]].concat()));
                assert!(proof.is_empty() || !holds(&old_root, &proof[1..]));
            }
        }
    }
}
