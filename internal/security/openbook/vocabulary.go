package openbook

import (
	_ "embed"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed"
)

// componentNames are ATT&CK's data components and what one watches with each.
// Since version 18 the bundles no longer say which data source a component
// belongs to, and pages, reports and questions still speak of both.
const componentNames = `Active Directory Credential Request|requests for Kerberos tickets and other credentials from the domain controller
Active Directory Object Access|reads of directory objects
Active Directory Object Creation|newly created directory objects
Active Directory Object Deletion|removed directory objects
Active Directory Object Modification|changes made to directory objects, such as group policy or trusts
Application Log Content|log files and messages written by applications, mail gateways and web servers, such as errors, failed logins or odd requests
Asset Inventory|records of the devices in an industrial network
Certificate Registration|newly issued or seen digital certificates
Cloud Service Disable|cloud services, such as logging, that are switched off
Cloud Service Enumeration|listing of cloud services
Cloud Service Metadata|facts about cloud services
Cloud Service Modification|changes to the settings of cloud services
Cloud Storage Access|reads of objects in cloud storage
Cloud Storage Creation|new cloud storage
Cloud Storage Deletion|removed cloud storage
Cloud Storage Enumeration|listing of cloud storage
Cloud Storage Metadata|facts about cloud storage
Cloud Storage Modification|changes to cloud storage, its permissions or contents
Command Execution|executed commands and their arguments, as typed into a shell, a command line interface or a script
Container Creation|newly created containers
Container Enumeration|listing of containers
Container Start|containers that are started
Active DNS|what DNS names resolve to when asked
Domain Registration|who registered a domain name, when, and with which details
Passive DNS|recorded DNS answers over time
Drive Access|reads and writes of a drive that bypass the file system
Drive Creation|newly attached or mounted drives, such as removable media
Drive Modification|changes to drives, such as to the boot record
Driver Load|drivers that are loaded into the kernel
Driver Metadata|facts about drivers, such as their signature
File Access|files that are opened or read
File Creation|newly created files
File Deletion|files that are removed
File Metadata|facts about files: name, signature, header, size, owner, permissions and attributes
File Modification|changes made to files
Firewall Disable|firewalls that are switched off
Firewall Enumeration|listing of firewalls and their rules
Firewall Metadata|facts about firewalls
Firewall Rule Modification|changes to firewall rules
Firmware Modification|changes made to firmware, the BIOS or the master boot record
Group Enumeration|listing of groups
Group Metadata|facts about groups and their members
Group Modification|changes to groups and their members
Image Creation|new machine or container images
Image Deletion|removed images
Image Metadata|facts about images
Image Modification|changes to images
Instance Creation|new virtual machines in the cloud
Instance Deletion|removed virtual machines
Instance Enumeration|listing of virtual machines
Instance Metadata|facts about virtual machines
Instance Modification|changes to virtual machines
Instance Start|virtual machines that are started
Instance Stop|virtual machines that are stopped
Response Content|what servers on the internet answer to a scan
Response Metadata|facts about servers on the internet, such as ports, banners and certificates
Kernel Module Load|modules loaded into the kernel of Linux or macOS
Logon Session Creation|newly made logon sessions: who logged in, from where and when
Logon Session Metadata|facts about logon sessions that do not fit the user's habits
Malware Content|code and strings of malware samples
Malware Metadata|facts about malware samples, such as compile time and signature
Module Load|libraries such as DLLs that are loaded into a process
Named Pipe Metadata|names and facts of named pipes
Network Share Access|opening of network shares
Network Connection Creation|newly made network connections, in or out
Network Traffic Content|the contents of packets: protocol fields, bodies, headers, anomalies within the protocol
Network Traffic Flow|summaries of traffic: who talks to whom, how much and how often; uncommon data flows
Social Media|profiles and messages on social media, such as invented personas
Pod Creation|new pods of containers
Pod Enumeration|listing of pods
Pod Modification|changes to pods
OS API Execution|calls of operating system functions, such as Windows API or native system calls
Process Access|processes that open other processes, such as reads of the memory of lsass
Process Creation|newly executed processes, their parents and command lines
Process Metadata|facts about running processes, such as environment, integrity level and parent
Process Modification|changes to running processes, such as injected memory
Process Termination|processes that end unexpectedly
Process History/Live Data|values of the industrial process over time
Process/Event Alarm|alarms of the industrial process
Device Alarm|alarms of industrial devices
Scheduled Job Creation|new scheduled tasks and cron jobs
Scheduled Job Metadata|facts about scheduled tasks
Scheduled Job Modification|changes to scheduled tasks
Script Execution|scripts that are run, such as PowerShell script blocks
Host Status|telemetry that stops, sensors that fail, health of a host
Service Creation|new services and daemons
Service Metadata|facts about services
Service Modification|changes to services
Snapshot Creation|new snapshots of volumes
Snapshot Deletion|removed snapshots
Snapshot Modification|changes to snapshots
Software|versions and settings of the software on a device
User Account Authentication|attempts to log in with an account, failed and successful
User Account Creation|new accounts
User Account Deletion|removed accounts
User Account Metadata|facts about accounts, such as their permissions
User Account Modification|changes to accounts: permissions, credentials, lock-out
Volume Creation|new cloud volumes
Volume Deletion|removed cloud volumes
Volume Modification|changes to cloud volumes
Web Credential Creation|new tokens, SAML assertions and other web credentials
Web Credential Usage|use of tokens, cookies and other web credentials
Windows Registry Key Access|registry keys that are opened or read
Windows Registry Key Creation|new registry keys
Windows Registry Key Deletion|removed registry keys and values
Windows Registry Key Modification|changes to registry keys and values
WMI Creation|new WMI event filters, consumers and bindings
API Calls|interfaces of the mobile system that an app calls
Network Communication|hosts and domains that an app talks to
Permissions Requests|permissions that an app asks for in its manifest
Permissions Request|prompts in which an app asks the user for a permission
Protected Configuration|settings that only an administrator of devices should make
System Notifications|notifications that the mobile system shows
System Settings|settings of the device that a user can inspect`

// sources are ATT&CK's data sources whose components do not begin with their name.
var sources = map[string]string{
	"Active DNS": "Domain Name", "Passive DNS": "Domain Name", "Domain Registration": "Domain Name", "Response Content": "Internet Scan",
	"Response Metadata": "Internet Scan", "Kernel Module Load": "Kernel", "Malware Content": "Malware Repository", "Malware Metadata": "Malware Repository",
	"Network Connection Creation": "Network Traffic", "Social Media": "Persona", "OS API Execution": "Process", "Host Status": "Sensor Health",
	"Process History/Live Data": "Operational Databases", "Process/Event Alarm": "Operational Databases", "Device Alarm": "Operational Databases",
	"Software": "Asset", "Asset Inventory": "Asset", "API Calls": "Application Vetting", "Network Communication": "Application Vetting",
	"Permissions Requests": "Application Vetting", "Protected Configuration": "Application Vetting", "Permissions Request": "User Interface",
	"System Notifications": "User Interface", "System Settings": "User Interface",
}

// sourceHeads are the data sources whose components begin with their name, the
// longer of two first.
var sourceHeads = []string{
	"Active Directory", "Application Log", "Certificate", "Cloud Service", "Cloud Storage", "Command", "Container", "Drive", "Driver", "File",
	"Firewall", "Firmware", "Group", "Image", "Instance", "Logon Session", "Module", "Named Pipe", "Network Share", "Network Traffic", "Pod",
	"Process", "Scheduled Job", "Script", "Service", "Snapshot", "User Account", "Volume", "Web Credential", "Windows Registry", "WMI",
}

// sourceOf returns the data source that a data component belongs to.
func sourceOf(component string) string {
	if s, ok := sources[component]; ok {
		return s
	}
	for _, h := range sourceHeads {
		if component == h || strings.HasPrefix(component, h+" ") {
			return h
		}
	}
	return component
}

// primerText explains what the catalogues take for granted. Each article is a
// line "# id | name | aliases", then prose.
//
//go:embed primer.txt
var primerText string

// KindArticle is the kind of a passage of the primer.
const KindArticle = "article"

// primer writes the articles.
func (c *compiler) primer() {
	for article := range strings.SplitSeq(primerText, "\n# ") {
		head, prose, _ := strings.Cut(strings.TrimPrefix(article, "# "), "\n")
		parts := strings.Split(head, " | ")
		if len(parts) < 2 || c.entries[parts[0]] != nil {
			continue
		}
		me := int32(len(c.book.entities))
		c.at[parts[0]] = me
		c.entries[parts[0]] = &feed.Entry{Kind: KindArticle, ID: parts[0], Name: parts[1]}
		e := entity{id: parts[0], name: parts[1], kind: KindArticle, aliases: parts[2:], first: int32(len(c.book.sections))}
		c.book.entities = append(c.book.entities, e)
		for paragraph := range strings.SplitSeq(prose, "\n\n") {
			c.section(me, -1, strings.Join(parts[1:], " "), "article", strings.ReplaceAll(paragraph, "\n", " "))
		}
		last := &c.book.entities[me]
		last.last = int32(len(c.book.sections))
		for _, s := range c.book.sections[last.first:] {
			last.words += s.words
		}
	}
}
