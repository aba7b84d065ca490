"""A real control plane for the tests: etcd and kube-apiserver, started on loopback."""
