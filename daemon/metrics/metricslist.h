/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one list of metrics, for metrics.h. vmexit-http(7) has all of it; a test compares. */
#ifndef DAEMON_METRICSLIST_H
#define DAEMON_METRICSLIST_H

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE };

/*
 * What a metric is of: labels "vm" (its key), "name" (its name now) and "source" for the first
 * three, "vm" and "name" for the fourth, none for the rest. Where its counters begin:
 */
enum metrics_of {
	METRICS_OF_VM,		/* a KVM VM's: with its creation. A reboot goes on */
	METRICS_OF_GUEST,	/* a guest's own: with its boot, or its agent's start */
	METRICS_OF_SOURCE,	/* the source itself: levels */
	METRICS_OF_RECORD,	/* what vmexitd knows of a VM */
	METRICS_OF_DAEMON,	/* vmexitd's own: with its start */
	METRICS_OF_REMOTE,	/* likewise, where remote write is on; what it lost is ever */
};

/* X(id, name, unit, type, of, label, help), in the order in which they are answered */
#define METRICS_MAP(X) \
	X(EXITS, "vmexit_exits", "", COUNTER, VM, NULL, \
	  "VM exits since the VM was created.") \
	X(HANDLING, "vmexit_handling_seconds", "seconds", COUNTER, VM, NULL, \
	  "Time that the kernel took to handle exits, of all vCPUs, since the VM was created.") \
	X(AWAY, "vmexit_away_seconds", "seconds", COUNTER, VM, NULL, \
	  "Time that vCPUs were not in the guest though they had work: from exit to entry, " \
	  "without idle time.") \
	X(IDLE, "vmexit_idle_seconds", "seconds", COUNTER, VM, NULL, \
	  "Time that vCPUs were not in the guest since they had halted.") \
	X(REASON_EXITS, "vmexit_reason_exits", "", COUNTER, VM, "reason", \
	  "VM exits by reason since the VM was created; reasons without a name together as other.") \
	X(REASON_HANDLING, "vmexit_reason_handling_seconds", "seconds", COUNTER, VM, "reason", \
	  "Time that the kernel took to handle exits, by reason.") \
	X(REASON_AWAY, "vmexit_reason_away_seconds", "seconds", COUNTER, VM, "reason", \
	  "Time from exit to entry, by reason.") \
	X(AGENT_EXITS, "vmexit_agent_exits", "", COUNTER, GUEST, NULL, \
	  "VM exits that the agent itself caused, since it started.") \
	X(AGENT_SAMPLES, "vmexit_agent_samples", "", COUNTER, GUEST, NULL, \
	  "Samples that the agent took, since it started.") \
	X(VM_VCPUS, "vmexit_vm_vcpus", "", GAUGE, SOURCE, NULL, \
	  "Virtual CPUs, as the source counts them.") \
	X(SAMPLE_INTERVAL, "vmexit_sample_interval_seconds", "seconds", GAUGE, SOURCE, NULL, \
	  "Time between samples, as the agent has it now.") \
	X(CLOCK_ERROR, "vmexit_clock_error_seconds", "seconds", GAUGE, SOURCE, NULL, \
	  "How far the time of the latest sample may be from the host's clock.") \
	X(GUEST_CPU, "vmexit_guest_cpu_seconds", "seconds", COUNTER, GUEST, "mode", \
	  "CPU time of the guest as its kernel counts it, by mode.") \
	X(GUEST_CONTEXT_SWITCHES, "vmexit_guest_context_switches", "", COUNTER, GUEST, NULL, \
	  "Context switches in the guest.") \
	X(GUEST_INTERRUPTS, "vmexit_guest_interrupts", "", COUNTER, GUEST, NULL, \
	  "Interrupts that the guest's kernel handled.") \
	X(GUEST_SOFTIRQS, "vmexit_guest_softirqs", "", COUNTER, GUEST, NULL, \
	  "Soft interrupts in the guest.") \
	X(GUEST_FORKS, "vmexit_guest_forks", "", COUNTER, GUEST, NULL, \
	  "Processes and threads that were made in the guest.") \
	X(GUEST_TASKS, "vmexit_guest_tasks", "", GAUGE, GUEST, "state", \
	  "Tasks of the guest that run or could, and that wait for its disks.") \
	X(GUEST_MEMORY, "vmexit_guest_memory_bytes", "bytes", GAUGE, GUEST, "part", \
	  "Memory of the guest: total, and available without swapping.") \
	X(GUEST_DISK_READS, "vmexit_guest_disk_reads", "", COUNTER, GUEST, NULL, \
	  "Reads that the guest's disks completed.") \
	X(GUEST_DISK_READ_BYTES, "vmexit_guest_disk_read_bytes", "bytes", COUNTER, GUEST, NULL, \
	  "Bytes that the guest read from its disks.") \
	X(GUEST_DISK_WRITES, "vmexit_guest_disk_writes", "", COUNTER, GUEST, NULL, \
	  "Writes that the guest's disks completed.") \
	X(GUEST_DISK_WRITTEN_BYTES, "vmexit_guest_disk_written_bytes", "bytes", COUNTER, GUEST, \
	  NULL, "Bytes that the guest wrote to its disks.") \
	X(GUEST_DISK_BUSY, "vmexit_guest_disk_busy_seconds", "seconds", COUNTER, GUEST, NULL, \
	  "Time in which the guest's disks had something to do, of all disks together.") \
	X(GUEST_NET_PACKETS, "vmexit_guest_network_packets", "", COUNTER, GUEST, "direction", \
	  "Packets of the guest's network interfaces, without loopback.") \
	X(GUEST_NET_BYTES, "vmexit_guest_network_bytes", "bytes", COUNTER, GUEST, "direction", \
	  "Bytes of the guest's network interfaces, without loopback.") \
	X(GUEST_PRESSURE_WAITING, "vmexit_guest_pressure_waiting_seconds", "seconds", COUNTER, \
	  GUEST, "resource", "Time in which some task of the guest waited for a resource.") \
	X(GUEST_PRESSURE_STALLED, "vmexit_guest_pressure_stalled_seconds", "seconds", COUNTER, \
	  GUEST, "resource", "Time in which all tasks of the guest waited for a resource.") \
	X(GUEST_PAGE_FAULTS, "vmexit_guest_page_faults", "", COUNTER, GUEST, NULL, \
	  "Page faults in the guest.") \
	X(GUEST_SWAPPED_PAGES, "vmexit_guest_swapped_pages", "", COUNTER, GUEST, "direction", \
	  "Pages that the guest swapped.") \
	X(BOOT_EXITS, "vmexit_boot_exits", "", GAUGE, SOURCE, NULL, \
	  "VM exits since the guest's boot began, or since its first sample if vmexitd came later.") \
	X(SAMPLE_TIME, "vmexit_sample_timestamp_seconds", "seconds", GAUGE, SOURCE, NULL, \
	  "When the latest sample was taken, by the host's clock.") \
	X(VM_RUNNING, "vmexit_vm_running", "", GAUGE, RECORD, NULL, \
	  "1 for a VM that runs, 0 for any other.") \
	X(VM_PAUSED, "vmexit_vm_paused", "", GAUGE, RECORD, NULL, \
	  "1 for a VM that is paused.") \
	X(AGENT_CHANNEL, "vmexit_agent_channel", "", GAUGE, RECORD, NULL, \
	  "1 for a VM that has a channel for an agent.") \
	X(AGENT_CONNECTED, "vmexit_agent_connected", "", GAUGE, RECORD, NULL, \
	  "1 while an agent is connected.") \
	X(GUEST_LEAF, "vmexit_guest_leaf", "", GAUGE, RECORD, NULL, \
	  "1 if the guest has the CPUID leaf with its own exits, 0 if it has not.") \
	X(BOOTS, "vmexit_boots", "", COUNTER, RECORD, NULL, \
	  "Boots of the VM that vmexitd knows.") \
	X(BOOT_START, "vmexit_boot_start_time_seconds", "seconds", GAUGE, RECORD, NULL, \
	  "When the latest boot began, or vmexitd found it.") \
	X(LAST_GAP, "vmexit_last_gap_timestamp_seconds", "seconds", GAUGE, RECORD, NULL, \
	  "When the latest interval of this boot ended in which samples are missing.") \
	X(QUARANTINED, "vmexit_quarantined_samples", "", COUNTER, RECORD, NULL, \
	  "Samples of this boot that are not believed: they cannot be true.") \
	X(POLL_EXITS, "vmexit_host_poll_exits", "", GAUGE, RECORD, NULL, \
	  "VM exits that reading the VM's counters on the host takes each time.") \
	X(HOST_STUCK, "vmexit_host_stuck", "", GAUGE, RECORD, NULL, \
	  "1 while reading the VM's counters on the host does not come to an end.") \
	X(VMS, "vmexit_vms", "", GAUGE, DAEMON, NULL, \
	  "VMs that vmexitd knows.") \
	X(VMS_LEFT_OUT, "vmexit_vms_left_out", "", GAUGE, DAEMON, NULL, \
	  "VMs that are not in this answer since there are too many.") \
	X(STORE_PENDING, "vmexit_store_pending_records", "", GAUGE, DAEMON, NULL, \
	  "Samples and other records that wait for a commit.") \
	X(STORE_REFUSED, "vmexit_store_refused_records", "", COUNTER, DAEMON, NULL, \
	  "Records that were not taken since too many waited.") \
	X(STORE_FAILED, "vmexit_store_failed", "", GAUGE, DAEMON, NULL, \
	  "1 if the last commit failed: a full or broken disk.") \
	X(STORE_SIZE, "vmexit_store_size_bytes", "bytes", GAUGE, DAEMON, NULL, \
	  "Size of the database with its write-ahead log.") \
	X(STORE_FREE, "vmexit_store_free_bytes", "bytes", GAUGE, DAEMON, NULL, \
	  "Room that is left on the database's file system.") \
	X(BUILD_INFO, "vmexit_build_info", "", GAUGE, DAEMON, "version", \
	  "1, with the version of vmexitd.") \
	X(REMOTE_LAG, "vmexit_remote_write_lag_seconds", "seconds", GAUGE, REMOTE, NULL, \
	  "How old the oldest sample is that remote write has yet to send.") \
	X(REMOTE_SENT, "vmexit_remote_write_sent_samples", "", COUNTER, REMOTE, NULL, \
	  "Stored samples that the receiver took.") \
	X(REMOTE_REFUSED, "vmexit_remote_write_refused_samples", "", COUNTER, REMOTE, NULL, \
	  "Stored samples that the receiver refused for good.") \
	X(REMOTE_LOST, "vmexit_remote_write_lost_samples", "", COUNTER, REMOTE, NULL, \
	  "Stored samples that were dropped for their age before they could be sent.") \
	X(REMOTE_REQUESTS, "vmexit_remote_write_requests", "", COUNTER, REMOTE, NULL, \
	  "Requests to the receiver.") \
	X(REMOTE_FAILURES, "vmexit_remote_write_failures", "", COUNTER, REMOTE, NULL, \
	  "Requests that failed and were tried again.") \
	X(PROCESS_CPU, "process_cpu_seconds", "seconds", COUNTER, DAEMON, NULL, \
	  "CPU time of vmexitd.") \
	X(PROCESS_RESIDENT, "process_resident_memory_bytes", "bytes", GAUGE, DAEMON, NULL, \
	  "Memory of vmexitd that is in RAM.") \
	X(PROCESS_VIRTUAL, "process_virtual_memory_bytes", "bytes", GAUGE, DAEMON, NULL, \
	  "Address space of vmexitd.") \
	X(PROCESS_FDS, "process_open_fds", "", GAUGE, DAEMON, NULL, \
	  "Open file descriptors of vmexitd.") \
	X(PROCESS_MAX_FDS, "process_max_fds", "", GAUGE, DAEMON, NULL, \
	  "File descriptors that vmexitd may have open.") \
	X(PROCESS_START, "process_start_time_seconds", "seconds", GAUGE, DAEMON, NULL, \
	  "When vmexitd was started.")

#endif
