/* Declarations shared by the files of next-hop tunnel binding. */
#ifndef SAPIPE_NHTB_NHTB_PRIV_H
#define SAPIPE_NHTB_NHTB_PRIV_H

#include "base/table.h"
#include "nhtb/nhtb.h"

#define LINKS_MAX	16	/* lists that one SA is in, at most */

/* The SAs of one peer, or of all with one name or ID (struct list), or behind one address (struct entry). */
struct sas {
	struct link	*newest;
	bool		 of_entry;
};

/* An SA in one of them, newest first. */
struct link { struct link *prev, *next; struct sas *in; struct nhtb_node *node; };

/* The SAs of one peer, or of all with one name or ID. */
struct list {
	struct sas	 sas;
	struct table_node node;
	uint32_t	 bound;		/* static bindings to it */
	uint32_t	 n_whole;	/* of its SAs those with selectors of all addresses */
	struct list	*next, **at;	/* peers with such SAs; ${at} NULL: it is none */
	char		 key[];
};

/* An SA: as many links as it needs, since there are thousands. */
struct nhtb_node {
	struct esp_pair	*pair;
	struct list	*peer;
	bool		 whole;
	uint8_t		 n_links, room;
	struct link	 links[];
};

struct entry {
	struct sas	 own;		/* automatic */
	struct table_node node;
	struct addr	 hop;
	uint64_t	 serial;
	struct list	*bound;		/* static: the SAs of the name; NULL: none */
	char		*was;		/* automatic, of a peer that has gone: its name; NULL: it is not */
	struct entry	*next, *prev;	/* if it is: those that have gone after and before it */
};

struct nhtb {
	uint64_t	 salt, serial;
	struct table	 words, peers, hops;
	struct entry	**entries;	/* in order of ${serial} */
	size_t		 n_entries, cap_entries, n_static, n_gone;
	struct entry	*first_gone, *last_gone;
	struct list	*whole;		/* peers with selectors of all addresses */
	size_t		 n_whole;
};

/* The word for the peer at ${remote}. No name and no ID has a line feed at its beginning. */
#define NHTB_REMOTE	(1 + ADDR_TEXT)
const char *nhtb_remote_word(char out[NHTB_REMOTE], const struct addr *remote);
/* The SAs of a name, an ID or a remote address; NULL: there are none. */
struct list *nhtb_word_find(struct nhtb *t, const char *word);

/* The bindings of ${hop}; NULL: there are none. */
struct entry *nhtb_entry_find(struct nhtb *t, const struct addr *hop);
/* The index of the first entry whose serial is more than ${serial}. */
size_t nhtb_entry_after(const struct nhtb *t, uint64_t serial);

#endif
